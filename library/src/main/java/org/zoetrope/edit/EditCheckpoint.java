package org.zoetrope.edit;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Tensors;
import org.zoetrope.weights.SafetensorsFile;
import org.zoetrope.weights.SafetensorsWriter;
import org.zoetrope.weights.WeightsException;

/// Where an edit stands between two steps. Handed in with the same clip and request, the edit goes on from here and ends
/// with the same bits as one that was never stopped; what comes before the steps (features, latents of the clip, a mask) is
/// found again.
///
/// @param recipe      what the edit makes
/// @param reached     the state, and the steps behind it
/// @param inside      the cells that a mask from attention has found so far; empty if the edit may act everywhere
/// @param evaluations of the network so far
public record EditCheckpoint(EditRecipe recipe, Course.Reached reached, Optional<LatentMask> inside, long evaluations)
        implements
            Tensors {
    private static final String STATE = "state", INSIDE = "mask", RECIPE = "edit", DONE = "done", EVALUATIONS = "evaluations";

    /// Writes a safetensors file, at once or not at all.
    ///
    /// @throws WeightsException if the file cannot be written
    public void save(Path file) {
        Scope.run(() -> {
            var tensors = new HashMap<>(Map.of(STATE, reached.state().to(Device.CPU).contiguous()));
            inside.ifPresent(mask -> tensors.put(INSIDE, mask.weights(SoftEdge.hard())));
            SafetensorsWriter.write(file, tensors, Map.of(RECIPE, recipe.toJson(), DONE, Integer.toString(reached.done()),
                    EVALUATIONS, Long.toString(evaluations)));
        });
    }

    /// Reads what [#save(Path)] wrote.
    ///
    /// @throws WeightsException if the file is damaged or is not one of ours
    public static EditCheckpoint load(Path file) {
        return Scope.run(() -> {
            var stored = SafetensorsFile.open(file);
            var recipe = stored.metadata().get(RECIPE);
            var done = stored.metadata().getOrDefault(DONE, "");
            var evaluations = stored.metadata().getOrDefault(EVALUATIONS, "");
            if (recipe == null || !done.matches("\\d{1,6}") || !evaluations.matches("\\d{1,18}") || !stored.names().contains(STATE)) {
                throw new WeightsException("%s does not hold the state of an edit; it holds %s".formatted(file, stored.names()));
            }
            // Copies, so that the file may be deleted or replaced.
            return new EditCheckpoint(EditRecipe.parse(file.toString(), recipe),
                    new Course.Reached(Integer.parseInt(done), stored.tensor(STATE).copy()),
                    stored.names().contains(INSIDE) ? Optional.of(LatentMask.stored(stored.tensor(INSIDE))) : Optional.empty(),
                    Long.parseLong(evaluations));
        });
    }

    @Override
    public List<Tensor> tensors() {
        return List.of(reached.state());
    }
}
