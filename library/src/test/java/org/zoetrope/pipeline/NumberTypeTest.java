package org.zoetrope.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;

class NumberTypeTest {
    private static final Machine WITH_UNITS = new Machine(24L << 30, true);
    private static final Machine WITHOUT = new Machine(24L << 30, false);
    private static final long SMALL = 30_000_000, LARGE = 6_600_000_000L, LARGEST = 4_800_000_000L;
    private static final Supplier<Speeds> UNASKED = () -> {
        throw new AssertionError("measured although the answer is clear");
    };

    @Test
    void sizeAndProcessorDecideWithoutAMeasurement() {
        assertThat(NumberType.choose(SMALL, SMALL, Device.CPU, WITH_UNITS, UNASKED).dtype()).isEqualTo(DType.FLOAT32);
        assertThat(NumberType.choose(SMALL, SMALL, Device.CPU, WITHOUT, UNASKED).dtype()).isEqualTo(DType.FLOAT32);
        assertThat(NumberType.choose(LARGE, LARGEST, Device.CPU, WITH_UNITS, UNASKED).dtype())
                .isEqualTo(DType.BFLOAT16);
        assertThat(NumberType.choose(SMALL, SMALL, new Device(Device.Kind.CUDA, 0), WITHOUT, UNASKED).dtype())
                .isEqualTo(DType.BFLOAT16);
    }

    @Test
    void whatDoesNotFitInFloat32RunsInBfloat16HoweverSlow() {
        var type = NumberType.choose(LARGE, LARGEST, Device.CPU, WITHOUT, UNASKED);
        assertThat(type.dtype()).isEqualTo(DType.BFLOAT16);
        assertThat(type.toString()).isEqualTo("bfloat16 (float32 does not fit into memory)");
    }

    /// Without units for bfloat16 the faster one of both is taken, as measured.
    @Test
    void aLargeModelOnAPlainProcessorRunsInTheFasterType() {
        var roomy = new Machine(64L << 30, false);
        assertThat(NumberType.choose(LARGE, LARGEST, Device.CPU, roomy, () -> speeds(150e9, 40e9)).toString())
                .isEqualTo("float32 (measured on this processor: 3.8 times as fast as bfloat16)");
        assertThat(NumberType.choose(LARGE, LARGEST, Device.CPU, roomy, () -> speeds(150e9, 300e9)).toString())
                .isEqualTo("bfloat16 (measured on this processor: 2.0 times as fast as float32)");
    }

    @Test
    void theMoreExactTypeWinsATie() {
        assertThat(NumberType.faster(1, 1).dtype()).isEqualTo(DType.FLOAT32);
        assertThat(NumberType.faster(1, 0.99).dtype()).isEqualTo(DType.BFLOAT16);
    }

    /// Fast products do not help a type whose attention is slow.
    @Test
    void attentionCountsAsMuchAsTheRest() {
        var slowAttention = new Speeds(SpeedsTest.nowhere(), (kind, dtype, _, _) ->
                new Speeds.Reading(dtype == DType.FLOAT32 ? 100e9 : kind == Speeds.Kind.ATTENTION ? 30e9 : 400e9, true));
        assertThat(NumberType.choose(LARGE, LARGEST, Device.CPU, new Machine(64L << 30, false), () -> slowAttention).dtype())
                .isEqualTo(DType.FLOAT32);
    }

    private static Speeds speeds(double float32, double bfloat16) {
        return new Speeds(SpeedsTest.nowhere(), (_, dtype, _, _) ->
                new Speeds.Reading(dtype == DType.FLOAT32 ? float32 : bfloat16, true));
    }
}
