package org.zoetrope.pipeline;

import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;

/// How many operations a second this machine does in networks, for each kind of work and each number type: measured when
/// it is first asked for, in a fraction of a second, and remembered in a file of the user's cache ([SpeedFile]).
///
/// Small networks reach less of a machine than large ones. There are two measurements of each kind, one of the size of
/// the bundled model and one of the size of published models; what lies between is interpolated.
public final class Speeds {
    /// What a network spends its time with.
    public enum Kind {
        /// Blocks of a transformer: matrix products with the norms, activations and copies around them, and a little attention.
        LAYERS,
        /// Attention among thousands of tokens.
        ATTENTION,
        /// Convolutions of CogVideoX's decoder, with its norms, which read the latents once more.
        COGVIDEOX_DECODER,
        /// Convolutions of Wan's decoder, with its norms.
        WAN_DECODER
    }

    /// Sizes that are measured. The size of layers is tokens times width squared, that of a decoder is its operations for
    /// one pixel of one frame; attention has one size.
    static final double SMALL = 0, LARGE = Double.MAX_VALUE;

    private static final Map<String, Speeds> KNOWN = new ConcurrentHashMap<>(); // the number of threads may change

    private final SpeedFile file;
    private final Meter meter;
    private final Map<String, Double> measured = new LinkedHashMap<>();
    private final Map<String, Double> remembered = new LinkedHashMap<>(); // those of them that are in the file
    private boolean isRead;

    /// A speed in operations a second.
    ///
    /// @param calm whether the machine did little else meanwhile; only then it is worth remembering
    record Reading(double flopsPerSecond, boolean calm) {}

    /// Measures one speed.
    @FunctionalInterface
    interface Meter {
        Reading measure(Kind kind, DType dtype, Device device, boolean large);
    }

    Speeds(SpeedFile file, Meter meter) {
        this.file = file;
        this.meter = meter;
    }

    /// The speeds of this machine.
    public static Speeds here() {
        return KNOWN.computeIfAbsent(Machine.identity(),
                machine -> new Speeds(SpeedFile.ofUser(machine), SpeedProbe::measure));
    }

    /// Operations a second of work of this kind and size.
    ///
    /// @param size see [#SMALL]
    double of(Kind kind, DType dtype, Device device, double size) {
        double small = SpeedProbe.size(kind, false), large = SpeedProbe.size(kind, true);
        if (kind == Kind.ATTENTION || size >= large) {
            return measured(kind, dtype, device, true);
        }
        if (size <= small) {
            return measured(kind, dtype, device, false);
        }
        var share = Math.log(size / small) / Math.log(large / small);
        return Math.pow(measured(kind, dtype, device, false), 1 - share) * Math.pow(measured(kind, dtype, device, true), share);
    }

    private synchronized double measured(Kind kind, DType dtype, Device device, boolean large) {
        read();
        var name = name(kind, dtype, device, large);
        var known = measured.get(name);
        if (known != null) {
            return known;
        }
        var reading = meter.measure(kind, dtype, device, large);
        measured.put(name, reading.flopsPerSecond);
        // What a device does is not written down: the processor that names the file says nothing about it.
        if (reading.calm && device.kind() == Device.Kind.CPU) {
            remembered.put(name, reading.flopsPerSecond);
            file.write(remembered);
        }
        return reading.flopsPerSecond;
    }

    private void read() {
        if (!isRead) {
            remembered.putAll(file.read());
            measured.putAll(remembered);
            isRead = true;
        }
    }

    /// Measures the kinds of work in this type again, and remembers that.
    ///
    /// @return by kind, for networks of published size
    public synchronized Map<Kind, Double> again(DType dtype, Device device) {
        var found = new LinkedHashMap<Kind, Double>();
        read();
        for (var kind : EnumSet.allOf(Kind.class)) {
            measured.keySet().removeIf(key -> key.startsWith(name(kind) + " " + name(dtype) + " "));
            found.put(kind, measured(kind, dtype, device, true));
        }
        return found;
    }

    /// Where the numbers are kept.
    public String place() {
        return file.path().toString();
    }

    private static String name(Kind kind, DType dtype, Device device, boolean large) {
        return "%s %s %s %s".formatted(name(kind), name(dtype), large ? "large" : "small", name(device));
    }

    private static String name(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }

    private static String name(Device device) {
        return device.toString().toLowerCase(Locale.ROOT);
    }
}
