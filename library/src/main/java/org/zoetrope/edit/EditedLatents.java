package org.zoetrope.edit;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.zoetrope.pipeline.Geometry;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Tensors;
import org.zoetrope.weights.SafetensorsFile;
import org.zoetrope.weights.SafetensorsWriter;
import org.zoetrope.weights.WeightsException;

/// A finished edit before it is decoded. Saved here, a decoding that fails can be repeated.
///
/// Belongs to the scope in which it was made, or to nobody if there was none: close it then.
///
/// @param edited  latents of the edit [1, T, C, H, W], padding included, float32 on the CPU
/// @param source  latents of the clip, shaped alike
/// @param inside  the cells the edit was about; empty if it could act everywhere
/// @param recipe  what made them
/// @param notices what the user should know of the run
public record EditedLatents(Tensor edited, Tensor source, Optional<LatentMask> inside, EditRecipe recipe,
        List<String> notices) implements Tensors, AutoCloseable {
    private static final String EDITED = "latents", SOURCE = "source", INSIDE = "mask", RECIPE = "edit";

    public EditedLatents {
        notices = List.copyOf(notices);
    }

    /// Writes everything as a safetensors file, at once or not at all.
    ///
    /// @throws WeightsException if the file cannot be written
    public void save(Path file) {
        Scope.run(() -> {
            var tensors = new HashMap<>(Map.of(EDITED, edited, SOURCE, source));
            inside.ifPresent(mask -> tensors.put(INSIDE, mask.weights(SoftEdge.hard())));
            SafetensorsWriter.write(file, tensors, Map.of(RECIPE, recipe.toJson()));
        });
    }

    /// Reads what [#save(Path)] wrote.
    ///
    /// @throws WeightsException if the file is damaged or is not one of ours
    public static EditedLatents load(Path file) {
        return Scope.run(() -> {
            var stored = SafetensorsFile.open(file);
            var recipe = stored.metadata().get(RECIPE);
            if (recipe == null || !stored.names().containsAll(List.of(EDITED, SOURCE))) {
                throw new WeightsException("%s does not hold an edit with its recipe; it holds %s".formatted(file,
                        new ArrayList<>(stored.names())));
            }
            var inside = stored.names().contains(INSIDE)
                    ? Optional.of(LatentMask.stored(stored.tensor(INSIDE)))
                    : Optional.<LatentMask>empty();
            // Copies, so that the file may be deleted or replaced.
            return new EditedLatents(stored.tensor(EDITED).copy(), stored.tensor(SOURCE).copy(), inside,
                    EditRecipe.parse(file.toString(), recipe), List.of());
        });
    }

    /// How well the cells that the edit was about agree with a mask of the clip, see [LatentMask#overlap]; empty if the
    /// edit could act everywhere.
    ///
    /// @param geometry of the model that made the edit
    public OptionalDouble overlap(PixelMask mask, Geometry geometry) {
        var fit = new ClipFit(recipe.width(), recipe.height(), recipe.frames(), List.of());
        return inside.map(cells -> OptionalDouble.of(cells.overlap(mask.latent(fit, geometry))))
                .orElseGet(OptionalDouble::empty);
    }

    @Override
    public List<Tensor> tensors() {
        return List.of(edited, source);
    }

    @Override
    public void close() {
        edited.close();
        source.close();
    }
}
