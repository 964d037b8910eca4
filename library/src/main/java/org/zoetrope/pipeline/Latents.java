package org.zoetrope.pipeline;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Tensors;
import org.zoetrope.weights.SafetensorsFile;
import org.zoetrope.weights.SafetensorsWriter;
import org.zoetrope.weights.WeightsException;

/// A finished run before it is decoded. Denoising is the long part; saved here, a decoding that fails can be repeated.
///
/// Belongs to the scope in which it was made, or to nobody if there was none: close it then.
///
/// @param values  as the network knows them (not divided by the autoencoder's scale), [1, T, C, H, W], float32 on the
///                CPU
/// @param recipe  what made them
/// @param notices what the user should know of the run
public record Latents(Tensor values, Recipe recipe, List<String> notices) implements Tensors, AutoCloseable {
    private static final String VALUES = "latents", RECIPE = "recipe";

    public Latents {
        notices = List.copyOf(notices);
    }

    /// Writes latents and recipe as a safetensors file, at once or not at all.
    ///
    /// @throws WeightsException if the file cannot be written
    public void save(Path file) {
        SafetensorsWriter.write(file, Map.of(VALUES, values), Map.of(RECIPE, recipe.toJson()));
    }

    /// Reads what [#save(Path)] wrote.
    ///
    /// @throws WeightsException if the file is damaged or is not one of ours
    public static Latents load(Path file) {
        return Scope.run(() -> {
            var stored = SafetensorsFile.open(file);
            var recipe = stored.metadata().get(RECIPE);
            if (recipe == null || !stored.names().contains(VALUES)) {
                throw new WeightsException(
                        "%s does not hold latents with their recipe; it holds %s".formatted(file, stored.names()));
            }
            // A copy, so that the file may be deleted or replaced.
            return new Latents(stored.tensor(VALUES).copy(), Recipe.parse(file.toString(), recipe), List.of());
        });
    }

    @Override
    public List<Tensor> tensors() {
        return List.of(values);
    }

    @Override
    public void close() {
        values.close();
    }
}
