package org.zoetrope.parity;

import static org.zoetrope.weights.ConfigException.require;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.ConfigMap;
import org.zoetrope.weights.SafetensorsFile;

/// A fixture folder: `case.json` says what was run, `reference.safetensors` holds `in.NAME` and `out.NAME`.
///
/// @param className the published class
/// @param about     `case.json`
/// @param device    where inputs are given
record Fixture(Path folder, String className, Tolerance tolerance, ConfigMap about, SafetensorsFile reference,
        Device device) {
    static final String CASE = "case.json";
    static final String TOKENIZER_CASES = "cases.json";
    private static final String TOKENIZER = "tokenizer_config.json";

    static boolean isFixture(Path folder) {
        return Files.isRegularFile(folder.resolve(CASE)) || isTokenizer(folder);
    }

    static boolean isTokenizer(Path folder) {
        return Files.isRegularFile(folder.resolve(TOKENIZER_CASES)) && Files.isRegularFile(folder.resolve(TOKENIZER));
    }

    static Fixture read(Path folder, Device device) {
        var about = ConfigMap.read(folder.resolve(CASE));
        var tolerance = about.map("tolerance");
        var className = about.string("class");
        configClass(folder).ifPresent(stored -> require(stored.equals(className),
                "%s says %s, the config beside it %s", folder.resolve(CASE), className, stored));
        return new Fixture(folder, className,
                new Tolerance(tolerance.number("max_abs"), tolerance.number("relative_l2")), about,
                SafetensorsFile.open(folder.resolve("reference.safetensors")), device);
    }

    /// What a published config calls its own class; configs of text encoders say it in a key of another library.
    private static Optional<String> configClass(Path folder) {
        return List.of("config.json", "scheduler_config.json", "model_index.json").stream().map(folder::resolve)
                .filter(Files::isRegularFile).findFirst().flatMap(file -> ConfigMap.read(file).className());
    }

    /// The arguments the reference was called with; none if the case has none.
    ConfigMap arguments() {
        return about.optionalMap("arguments").orElseGet(() -> ConfigMap.parse(folder + "/" + CASE, "{}"));
    }

    boolean has(String name) {
        return reference.names().contains(name);
    }

    Tensor in(String name) {
        return reference.tensor("in." + name).to(device);
    }

    Optional<Tensor> optionalIn(String name) {
        return has("in." + name) ? Optional.of(in(name)) : Optional.empty();
    }

    /// Names of the reference's outputs, without `out.`.
    List<String> outputs() {
        return reference.names().stream().filter(name -> name.startsWith("out.")).map(name -> name.substring(4))
                .toList();
    }

    /// The reference's value of what we computed under this name: an output, or an input that must follow from others.
    Tensor expected(String name) {
        return reference.tensor(has("out." + name) ? "out." + name : "in." + name);
    }
}
