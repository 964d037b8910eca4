package org.zoetrope.server;

import java.util.Optional;
import org.zoetrope.edit.EditRequest;
import org.zoetrope.edit.MaskSource;
import org.zoetrope.edit.PixelMask;
import org.zoetrope.edit.SoftEdge;
import org.zoetrope.media.Frames;
import org.zoetrope.media.Resize;
import org.zoetrope.pipeline.Request;
import org.zoetrope.pipeline.Tiers;
import org.zoetrope.pipeline.VideoModel;
import org.zoetrope.weights.ConfigFile;

/// What a job makes, every choice made when it was accepted, so that it can be begun again on another day and node and
/// still be the same job.
///
/// @param strength for jobs that start from a video: how much of it is given up
/// @param image    file in the job's folder that is the first frame
/// @param video    file in the job's folder to start from: one of ours, or what a client has uploaded
/// @param edit     for edits of that video
/// @param speed    words of [Tiers]; absent in jobs of servers before there were any
/// @param reuseThreshold of these
record Wanted(String prompt, String negativePrompt, int width, int height, int frames, double fps, int steps,
        double guidanceScale, long seed, Optional<Double> strength, Optional<String> image, Optional<String> video,
        Optional<Edit> edit, Optional<String> speed, Optional<Double> reuseThreshold) {
    /// How a video is edited.
    ///
    /// @param sourcePrompt what it shows
    /// @param mask         file in the job's folder, white where the edit may act
    record Edit(EditMethod method, String sourcePrompt, Optional<String> mask) {}

    String toJson() {
        return ConfigFile.print(this);
    }

    static Wanted parse(String id, String json) {
        return ConfigFile.parse("the request of " + id, json, Wanted.class);
    }

    /// What makes it faster.
    Tiers tiers() {
        return speed.map(words -> Tiers.parse(words, reuseThreshold)).orElseGet(Tiers::lossless);
    }

    /// What the pipeline is asked for.
    Request request(Optional<Frames> first, Optional<Frames> clip) {
        var request = Request.of(prompt).negativePrompt(negativePrompt).size(width, height).frames(frames).fps(fps)
                .steps(steps).guidance(guidanceScale).seed(seed);
        request = tiers().on(request);
        request = first.map(request::initImage).orElse(request);
        request = clip.map(request::initVideo).orElse(request);
        return strength.map(request::strength).orElse(request);
    }

    /// What the editor is asked for.
    EditRequest editRequest(Edit how, Optional<Frames> mask, VideoModel model) {
        var request = EditRequest.of(how.sourcePrompt(), prompt).negativePrompt(negativePrompt).steps(steps).seed(seed)
                .editor(how.method().editor(model.defaults().edits().towards(guidanceScale)))
                .mask(mask.map(m -> Resize.even(m).frames()) // as the video was cut, if it was
                        .<MaskSource>map(m -> new MaskSource.Drawn(PixelMask.of(m, false), SoftEdge.usual()))
                        .orElseGet(how.method()::mask));
        return tiers().reuse().map(request::reuse).orElse(request);
    }

    Wanted size(int newWidth, int newHeight) {
        return new Wanted(prompt, negativePrompt, newWidth, newHeight, frames, fps, steps, guidanceScale, seed,
                strength, image, video, edit, speed, reuseThreshold);
    }

    Wanted video(Optional<String> file, Optional<Double> givenUp) {
        return new Wanted(prompt, negativePrompt, width, height, frames, fps, steps, guidanceScale, seed, givenUp,
                image, file, edit, speed, reuseThreshold);
    }

    Wanted frames(int count) {
        return new Wanted(prompt, negativePrompt, width, height, count, fps, steps, guidanceScale, seed, strength,
                image, video, edit, speed, reuseThreshold);
    }

    double seconds() {
        return frames / fps;
    }
}
