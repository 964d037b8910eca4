package org.zoetrope.pipeline;

import java.nio.file.Files;
import java.util.Optional;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.ConfigFile;

/// What a request leaves open. Each family has its published values; where a folder has a `generation_config.json`, any
/// of these keys in it come first.
///
/// @param guidanceScale of new videos
/// @param edits         of edits
public record Defaults(int width, int height, int frames, double fps, int steps, double guidanceScale,
        EditDefaults edits) {
    private static final String FILE = "generation_config.json";

    /// What a folder says of itself.
    ///
    /// @param maxSequenceLength tokens of a prompt that are read, where the family leaves that to the caller
    record Overrides(Optional<Integer> width, Optional<Integer> height, Optional<Integer> frames,
            Optional<Double> fps, Optional<Integer> steps, Optional<Double> guidanceScale,
            Optional<Double> editGuidanceScale, Optional<Double> editSourceGuidanceScale, Optional<Double> editNMax,
            Optional<Double> editNMaxWide, Optional<Integer> maxSequenceLength) {
        Overrides {
            scale("edit_guidance_scale", editGuidanceScale);
            scale("edit_source_guidance_scale", editSourceGuidanceScale);
            share("edit_n_max", editNMax);
            share("edit_n_max_wide", editNMaxWide);
        }

        private static void share(String key, Optional<Double> value) {
            ConfigException.require(value.isEmpty() || value.get() >= 0 && value.get() <= 1,
                    "%s is %s; give the share of the steps in which edits move, 0 to 1", key, value.orElse(1.0));
        }

        private static void scale(String key, Optional<Double> value) {
            ConfigException.require(value.isEmpty() || Double.isFinite(value.get()) && value.get() >= 1,
                    "%s is %s; give 1 (the prompt alone) or more", key, value.orElse(1.0));
        }

        static Overrides of(ModelFolder folder) {
            var file = folder.path().resolve(FILE);
            return Files.exists(file) ? ConfigFile.read(file, Overrides.class)
                    : ConfigFile.parse(FILE, "{}", Overrides.class);
        }
    }

    Defaults with(Overrides o) {
        return new Defaults(o.width.orElse(width), o.height.orElse(height), o.frames.orElse(frames), o.fps.orElse(fps),
                o.steps.orElse(steps), o.guidanceScale.orElse(guidanceScale),
                new EditDefaults(o.editSourceGuidanceScale.orElse(edits.sourceScale()),
                        o.editGuidanceScale.orElse(edits.targetScale()), o.editNMax.orElse(edits.nMax()),
                        o.editNMaxWide.orElse(edits.nMaxWide())));
    }
}
