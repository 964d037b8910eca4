package org.zoetrope.pipeline;

import java.util.Optional;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.ConfigFile;

/// What made a video, completely decided: enough to make it again with the same model. Kept in the files of latents and
/// videos as JSON.
///
/// @param zoetrope       version of this software
/// @param model          name of the model; never a path of somebody's machine
/// @param fps            frames per second of the result
/// @param guidance       how prompt and negative prompt were weighed, as [org.zoetrope.diffusion.Guidance] prints
///                       itself
/// @param sampler        class of the scheduler
/// @param dtype          number type the network ran in
/// @param start          what the run started from if not from noise alone: `image` or `video`
/// @param strength       for a start from video
/// @param speed          what made it faster and a little different, such as the reuse of earlier steps; empty if nothing
public record Recipe(String zoetrope, String model, String prompt, String negativePrompt, long seed, int width,
        int height,
        int frames, double fps, int steps, String guidance, String sampler, String dtype, Optional<String> start,
        Optional<Double> strength, Optional<String> speed) {
    /// The version of this software.
    public static final String VERSION = "0.1.0";

    /// A recipe of a run that computes everything.
    public Recipe(String zoetrope, String model, String prompt, String negativePrompt, long seed, int width, int height,
            int frames, double fps, int steps, String guidance, String sampler, String dtype, Optional<String> start,
            Optional<Double> strength) {
        this(zoetrope, model, prompt, negativePrompt, seed, width, height, frames, fps, steps, guidance, sampler, dtype,
                start, strength, Optional.empty());
    }

    /// The recipe as the text of a JSON object.
    public String toJson() {
        return ConfigFile.print(this);
    }

    /// Reads what [#toJson()] wrote.
    ///
    /// @param subject what messages call the text, such as the name of its file
    /// @throws ConfigException if it is not a recipe
    public static Recipe parse(String subject, String json) {
        return ConfigFile.parse(subject, json, Recipe.class);
    }

    /// The same recipe for another rate of the finished video.
    public Recipe fps(double rate) {
        return new Recipe(zoetrope, model, prompt, negativePrompt, seed, width, height, frames, rate, steps, guidance,
                sampler, dtype, start, strength, speed);
    }
}
