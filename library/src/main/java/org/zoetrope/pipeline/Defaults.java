package org.zoetrope.pipeline;

import java.nio.file.Files;
import java.util.Optional;
import org.zoetrope.models.denoiser.CogVideoXTransformer;
import org.zoetrope.models.vae.CogVideoXVae;
import org.zoetrope.weights.ConfigFile;

/// What a request leaves open. The size and length a model was trained for stand in its config; where its folder has a
/// `generation_config.json`, any of these keys in it come first.
public record Defaults(int width, int height, int frames, double fps, int steps, double guidanceScale) {
    private static final String FILE = "generation_config.json";
    private static final int STEPS = 50; // num_inference_steps of the published pipelines
    private static final double GUIDANCE = 6; // guidance_scale of the published pipelines

    private record Overrides(Optional<Integer> width, Optional<Integer> height, Optional<Integer> frames,
            Optional<Double> fps, Optional<Integer> steps, Optional<Double> guidanceScale) {}

    static Defaults of(ModelFolder folder, CogVideoXTransformer.Config network, CogVideoXVae.Config vae) {
        var later = network.patchSizeT().isPresent();
        // The config of CogVideoX1.5-5B names the largest grid (300 x 300), its card the size it was trained for.
        var boundOnly = later && network.sampleWidth() == 300 && network.sampleHeight() == 300;
        var width = boundOnly ? 1360 : network.sampleWidth() * vae.strideXY();
        var height = boundOnly ? 768 : network.sampleHeight() * vae.strideXY();
        var file = folder.path().resolve(FILE);
        var o = Files.exists(file) ? ConfigFile.read(file, Overrides.class)
                : ConfigFile.parse(FILE, "{}", Overrides.class);
        return new Defaults(o.width.orElse(width), o.height.orElse(height), o.frames.orElse(network.sampleFrames()),
                o.fps.orElse(later ? 16.0 : 8.0), o.steps.orElse(STEPS), o.guidanceScale.orElse(GUIDANCE));
    }
}
