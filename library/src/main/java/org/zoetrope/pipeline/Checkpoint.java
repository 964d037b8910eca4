package org.zoetrope.pipeline;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.zoetrope.diffusion.State;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Tensors;
import org.zoetrope.weights.SafetensorsFile;
import org.zoetrope.weights.SafetensorsWriter;
import org.zoetrope.weights.WeightsException;

/// Where a run stands between two steps. Handed in with the same request ([Given#checkpoint(Checkpoint)]), the run goes
/// on from here and ends with the same bits as one that was never stopped.
///
/// @param recipe what the run makes
/// @param state  the latents, and what the sampler remembers
/// @param stream the state of the random numbers
public record Checkpoint(Recipe recipe, State state, Tensor stream) implements Tensors {
    private static final String LATENTS = "latents", PAST = "past.", STREAM = "stream", RECIPE = "recipe", DONE = "done";

    /// Writes a safetensors file, at once or not at all.
    ///
    /// @throws WeightsException if the file cannot be written
    public void save(Path file) {
        var tensors = new LinkedHashMap<String, Tensor>();
        tensors.put(LATENTS, state.x().contiguous());
        for (var i = 0; i < state.past().size(); i++) {
            tensors.put(PAST + i, state.past().get(i).contiguous());
        }
        tensors.put(STREAM, stream);
        SafetensorsWriter.write(file, tensors,
                Map.of(RECIPE, recipe.toJson(), DONE, Integer.toString(state.done())));
    }

    /// Reads what [#save(Path)] wrote.
    ///
    /// @throws WeightsException if the file is damaged or is not one of ours
    public static Checkpoint load(Path file) {
        return Scope.run(() -> {
            var stored = SafetensorsFile.open(file);
            var recipe = stored.metadata().get(RECIPE);
            var done = stored.metadata().get(DONE);
            if (recipe == null || done == null || !done.matches("\\d{1,6}")
                    || !stored.names().containsAll(List.of(LATENTS, STREAM))) {
                throw new WeightsException("%s does not hold the state of a run; it holds %s".formatted(file,
                        stored.names()));
            }
            // Copies, so that the file may be deleted or replaced.
            var past = IntStream.range(0, stored.names().size()).mapToObj(i -> PAST + i)
                    .takeWhile(stored.names()::contains).map(name -> stored.tensor(name).copy()).toList();
            return new Checkpoint(Recipe.parse(file.toString(), recipe),
                    new State(stored.tensor(LATENTS).copy(), past, Integer.parseInt(done)),
                    stored.tensor(STREAM).copy());
        });
    }

    @Override
    public List<Tensor> tensors() {
        return Stream.concat(state.tensors().stream(), Stream.of(stream)).toList();
    }
}
