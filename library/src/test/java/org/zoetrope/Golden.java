package org.zoetrope;

import static org.junit.jupiter.api.Assertions.fail;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.ConfigMap;
import org.zoetrope.weights.SafetensorsFile;

/// What a reference implementation computed, read from `src/test/resources/golden`.
///
/// ```java
/// static final Golden golden = Golden.open("components/cogvideox-vae");
/// golden.assertClose(vae.decode(golden.in("z")), "sample");
/// ```
///
/// Open it outside of scopes that close, or inside the test that uses it: its tensors belong to the scope open at the
/// call.
public final class Golden {
    private final Path folder;
    private final SafetensorsFile reference;
    private final double maxAbs;
    private final double relativeL2;

    private Golden(Path folder) {
        this.folder = folder;
        reference = SafetensorsFile.open(folder.resolve("reference.safetensors"));
        var tolerance = about().map("tolerance");
        maxAbs = tolerance.number("max_abs");
        relativeL2 = tolerance.number("relative_l2");
    }

    /// Reads a case.
    ///
    /// @param name the folder below `golden`, such as `schedulers/ddim-sd15`
    public static Golden open(String name) {
        return new Golden(resource("golden/" + name));
    }

    /// A file or folder of the test resources.
    public static Path resource(String name) {
        try {
            var resource = Objects.requireNonNull(Golden.class.getResource("/" + name), "no test resource " + name);
            return Path.of(resource.toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    /// Where the checkpoint and its config are.
    public Path folder() {
        return folder;
    }

    /// A fresh reading of `case.json`: class, arguments, tolerance.
    public ConfigMap about() {
        return ConfigMap.read(folder.resolve("case.json"));
    }

    /// The arguments the reference was called with, from `case.json`.
    public ConfigMap arguments() {
        return about().map("arguments");
    }

    public boolean has(String fullName) {
        return reference.names().contains(fullName);
    }

    /// An input, without its prefix `in.`.
    public Tensor in(String name) {
        return reference.tensor("in." + name);
    }

    /// An output, without its prefix `out.`.
    public Tensor out(String name) {
        return reference.tensor("out." + name);
    }

    /// Compares with an output at the case's own tolerance: both the largest difference and the relative l2 distance.
    public void assertClose(Tensor ours, String out) {
        assertClose(ours, out(out), out, maxAbs, relativeL2);
    }

    /// Compares two tensors; not a number on either side is never close.
    public static void assertClose(Tensor ours, Tensor expected, String what, double maxAbs, double relativeL2) {
        if (!Arrays.equals(ours.shape(), expected.shape())) {
            fail("%s has shape %s, the reference %s".formatted(
                    what, Arrays.toString(ours.shape()), Arrays.toString(expected.shape())));
        }
        var a = ours.toDoubles();
        var b = expected.toDoubles();
        double worst = 0, difference = 0, norm = 0;
        var place = 0;
        for (var i = 0; i < a.length; i++) {
            var d = Math.abs(a[i] - b[i]);
            if (!(d <= worst)) {
                worst = Double.isNaN(d) ? Double.POSITIVE_INFINITY : d;
                place = i;
            }
            difference += d * d;
            norm += b[i] * b[i];
        }
        var relative = difference == 0 ? 0 : Math.sqrt(difference / norm);
        if (!(worst <= maxAbs && relative <= relativeL2)) {
            fail("""
                    %s differs from the reference
                      max abs      %.3g, allowed %.3g
                      relative l2  %.3g, allowed %.3g
                      element %d   %.7g, expected %.7g"""
                    .formatted(what, worst, maxAbs, relative, relativeL2, place, a[place], b[place]));
        }
    }
}
