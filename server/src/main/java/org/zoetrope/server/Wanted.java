package org.zoetrope.server;

import java.util.Optional;
import org.zoetrope.media.Frames;
import org.zoetrope.pipeline.Request;
import org.zoetrope.weights.ConfigFile;

/// What a job makes, every choice made when it was accepted, so that it can be begun again on another day and node and
/// still be the same job.
///
/// @param strength for jobs that start from a video: how much of it is given up
/// @param image    file in the job's folder that is the first frame
/// @param video    file in the job's folder to start from
record Wanted(String prompt, String negativePrompt, int width, int height, int frames, double fps, int steps,
        double guidanceScale, long seed, Optional<Double> strength, Optional<String> image, Optional<String> video) {
    String toJson() {
        return ConfigFile.print(this);
    }

    static Wanted parse(String id, String json) {
        return ConfigFile.parse("the request of " + id, json, Wanted.class);
    }

    /// What the pipeline is asked for.
    Request request(Optional<Frames> first, Optional<Frames> clip) {
        var request = Request.of(prompt).negativePrompt(negativePrompt).size(width, height).frames(frames).fps(fps)
                .steps(steps).guidance(guidanceScale).seed(seed);
        request = first.map(request::initImage).orElse(request);
        request = clip.map(request::initVideo).orElse(request);
        return strength.map(request::strength).orElse(request);
    }

    Wanted size(int newWidth, int newHeight) {
        return new Wanted(prompt, negativePrompt, newWidth, newHeight, frames, fps, steps, guidanceScale, seed,
                strength, image, video);
    }

    Wanted frames(int count) {
        return new Wanted(prompt, negativePrompt, width, height, count, fps, steps, guidanceScale, seed, strength,
                image, video);
    }

    double seconds() {
        return frames / fps;
    }
}
