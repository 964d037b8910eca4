package org.zoetrope.edit;

import java.util.Optional;
import org.zoetrope.pipeline.Recipe;
import org.zoetrope.weights.ConfigFile;

/// What made an edit, completely decided: with the source clip and the model enough to make it again. Kept in the files
/// of latents and videos as JSON.
///
/// @param zoetrope     version of this software
/// @param model        name of the model
/// @param method       the editor with its parameters, as it prints itself
/// @param mask         where the mask came from
/// @param width        pixels the model worked at
/// @param height       pixels the model worked at
/// @param frames       frames the model worked at
/// @param sourceWidth  of the clip and its edit
/// @param sourceHeight of the clip and its edit
/// @param sourceFrames of the clip and its edit
/// @param fps          of the clip and its edit
/// @param sampler      class of the scheduler
/// @param dtype        number type the network ran in
/// @param composite    whether the autoencoder's loss was given back outside the mask
/// @param evaluations  of the network, those for the mask included
/// @param speed        what made it faster and a little different, as in [Recipe]; empty if nothing
public record EditRecipe(String zoetrope, String model, String from, String to, String negativePrompt, String method,
        String mask, long seed, int steps, int width, int height, int frames, int sourceWidth, int sourceHeight,
        int sourceFrames, double fps, String sampler, String dtype, boolean composite, long evaluations,
        Optional<String> speed) {
    /// The recipe as the text of a JSON object.
    public String toJson() {
        return ConfigFile.print(this);
    }

    /// Reads what [#toJson()] wrote.
    ///
    /// @param subject what messages call the text
    /// @throws org.zoetrope.weights.ConfigException if it is not a recipe of an edit
    public static EditRecipe parse(String subject, String json) {
        return ConfigFile.parse(subject, json, EditRecipe.class);
    }

    /// The same recipe after the run has counted.
    EditRecipe evaluations(long counted) {
        return new EditRecipe(zoetrope, model, from, to, negativePrompt, method, mask, seed, steps, width, height, frames,
                sourceWidth, sourceHeight, sourceFrames, fps, sampler, dtype, composite, counted, speed);
    }

    /// The part that a decoder wants to know, for the clip at the model's size.
    public Recipe decoding() {
        return new Recipe(zoetrope, model, to, negativePrompt, seed, width, height, frames, fps, steps, method, sampler,
                dtype, Optional.of("video"), Optional.empty(), speed);
    }
}
