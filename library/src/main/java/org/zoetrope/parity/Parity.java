package org.zoetrope.parity;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SequencedMap;
import java.util.stream.StreamSupport;
import org.zoetrope.models.text.Tokenizers;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Torch;
import org.zoetrope.weights.ConfigException;

/// Runs fixture folders: reads the published config and weights beside the reference's inputs, computes every output
/// and compares. Nothing of a fixture's sizes, seeds or options is known here; a folder made with others runs as well.
public final class Parity {
    private Parity() {}

    /// Fixture folders in a tree, sorted.
    ///
    /// @throws ConfigException if there is none
    public static List<Path> find(Path root) {
        try (var folders = Files.walk(root)) {
            var found = folders.filter(Files::isDirectory).filter(Fixture::isFixture).sorted().toList();
            ConfigException.require(!found.isEmpty(), "no fixtures below %s: no folder with a %s or %s", root,
                    Fixture.CASE, Fixture.TOKENIZER_CASES);
            return found;
        } catch (IOException e) {
            throw new ConfigException("cannot look for fixtures in " + root + ": " + e, e);
        }
    }

    /// Runs one fixture. What stops it (a damaged file, a class with options we do not have) is part of the result.
    ///
    /// @throws ConfigException if the folder is no fixture
    public static ParityResult run(Path folder) {
        return run(folder, Device.CPU);
    }

    /// Runs one fixture with weights and inputs on a device. Tolerances are the fixture's own, on every device.
    ///
    /// @throws ConfigException if the folder is no fixture
    public static ParityResult run(Path folder, Device device) {
        ConfigException.require(Fixture.isFixture(folder), "%s is no fixture: it has neither %s nor %s", folder,
                Fixture.CASE, Fixture.TOKENIZER_CASES);
        if (Fixture.isTokenizer(folder)) {
            return tokenizer(folder);
        }
        var className = "?";
        try (var _ = Scope.open()) {
            var fixture = Fixture.read(folder, device);
            var name = fixture.className();
            className = name;
            var kind = fixture.about().string("kind");
            return Subjects.of(kind, name).<ParityResult>map(subject -> new ParityResult.Compared(folder, name,
                    compare(fixture, Torch.withoutGradients(() -> subject.outputs(fixture)))))
                    .orElseGet(() -> new ParityResult.Unsupported(folder, name,
                            "there is no %s of this class here".formatted(kind)));
        } catch (RuntimeException e) {
            return new ParityResult.Failed(folder, className, e);
        }
    }

    private static List<Comparison> compare(Fixture fixture, SequencedMap<String, Tensor> ours) {
        var comparisons = new ArrayList<Comparison>();
        ours.forEach((name, value) -> comparisons.add(compare(fixture, name, value)));
        fixture.outputs().stream().filter(name -> !ours.containsKey(name))
                .map(name -> new Comparison(name, Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY,
                        fixture.tolerance(), "not computed"))
                .forEach(comparisons::add);
        return comparisons;
    }

    private static Comparison compare(Fixture fixture, String name, Tensor ours) {
        var reference = fixture.expected(name);
        var here = ours.to(reference.device());
        // Behind the mask the reference leaves whatever its kernels left there.
        if (name.equals("last_hidden_state") && fixture.has("in.attention_mask")) {
            var mask = fixture.in("attention_mask").to(reference.device()).like(reference).unsqueeze(-1);
            return Comparison.of(name, here.times(mask), reference.times(mask), fixture.tolerance());
        }
        return Comparison.of(name, here, reference, fixture.tolerance());
    }

    /// Every string of `cases.json` must become the same ids; a string that does not counts as a difference of one.
    private static ParityResult tokenizer(Path folder) {
        var className = "?";
        try {
            var tokenizer = Tokenizers.read(folder);
            className = tokenizer.getClass().getSimpleName();
            var file = folder.resolve(Fixture.TOKENIZER_CASES).toFile();
            var cases = StreamSupport.stream(new ObjectMapper().readTree(file).path("cases").spliterator(), false)
                    .toList();
            var wrong = cases.stream().filter(c -> !Arrays.equals(tokenizer.encode(c.path("text").asText()), ids(c)))
                    .toList();
            var remark = "%d of %d strings%s".formatted(cases.size() - wrong.size(), cases.size(),
                    wrong.isEmpty() ? "" : ", not \"%.60s\"".formatted(wrong.getFirst().path("text").asText()));
            ConfigException.require(!cases.isEmpty(), "%s holds no cases", file);
            var share = (double) wrong.size() / cases.size();
            return new ParityResult.Compared(folder, className, List.of(
                    new Comparison("ids", wrong.size(), share, Tolerance.EXACT, remark)));
        } catch (IOException e) {
            return new ParityResult.Failed(folder, className, new ConfigException("cannot read cases: " + e, e));
        } catch (RuntimeException e) {
            return new ParityResult.Failed(folder, className, e);
        }
    }

    private static int[] ids(JsonNode example) {
        return StreamSupport.stream(example.path("ids").spliterator(), false).mapToInt(JsonNode::asInt).toArray();
    }
}
