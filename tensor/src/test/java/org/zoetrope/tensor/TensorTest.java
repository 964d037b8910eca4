package org.zoetrope.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.zoetrope.tensor.Axis.axis;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.junit.jupiter.api.io.TempDir;

class TensorTest {
    private Scope scope;

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    @Test
    void valuesRoundTripInMemoryOrder() {
        var values = new float[] {1, 2, 3, 4, 5, 6};
        assertThat(Tensor.of(values, 2, 3).toFloats()).isEqualTo(values);
        assertThat(Tensor.of(values, 2, 3).transpose(0, 1).toFloats()).containsExactly(1, 4, 2, 5, 3, 6);
    }

    @Test
    void valuesThatDoNotFillTheShapeAreRefused() {
        assertThatThrownBy(() -> Tensor.of(new float[5], 2, 3)).isInstanceOf(ShapeException.class).hasMessageContaining("5 values").hasMessageContaining("[2, 3]");
    }

    @Test
    void linearIsXTimesTransposedWeightPlusBias() {
        var x = Tensor.of(new float[] {1, 2}, 1, 2);
        var weight = Tensor.of(new float[] {3, 4, 5, 6}, 2, 2);
        assertThat(x.linear(weight, Tensor.of(new float[] {10, 20}, 2)).toFloats()).containsExactly(21, 37);
    }

    @Test
    void theNormIsTheLengthOverItsAxes() {
        var x = Tensor.of(new float[] {3, 4, 0, 5, 12, 0}, 2, 3);
        assertThat(x.norm(false, 1).toFloats()).containsExactly(5, 13);
        assertThat(x.norm(true, 0, 1).shape()).containsExactly(1, 1);
        assertThat(x.norm(true, 0, 1).item()).isCloseTo(Math.sqrt(194), org.assertj.core.api.Assertions.within(1e-5));
    }

    @Test
    void everyElementTypeHasItsSize() {
        for (var type : DType.values()) {
            assertThat(Tensor.zeros(type, Device.CPU, 4).bitcast(DType.UINT8).count()).isEqualTo(4L * type.bytes());
        }
    }

    @Test
    void rearrangeMovesSplitsAndJoinsAxes() {
        var x = Tensor.range(24).reshape(2, 3, 4);
        assertThat(x.rearrange("a b c -> c (a b)").shape()).containsExactly(4, 6);
        assertThat(x.rearrange("a b c -> c (a b)").toLongs()).startsWith(0, 4, 8, 12, 16, 20, 1);
        var patches = x.rearrange("a b (p q) -> (a p) b q", axis("p", 2));
        assertThat(patches.rearrange("(a p) b q -> a b (p q)", axis("p", 2)).toLongs()).isEqualTo(x.toLongs());
        assertThat(x.rearrange("a b c -> a 1 b c 1").shape()).containsExactly(2, 1, 3, 4, 1);
    }

    @Test
    void rearrangeNamesTheAxisThatDoesNotFit() {
        var x = Tensor.zeros(2, 3);
        assertThatThrownBy(() -> x.rearrange("a (b p) -> a b p", axis("p", 2))).isInstanceOf(ShapeException.class).hasMessageContaining("axis (b p) has size 3");
        assertThatThrownBy(() -> x.rearrange("a b -> a c")).isInstanceOf(ShapeException.class).hasMessageContaining("same axes");
    }

    @Test
    void fusedAttentionEqualsTheDefinition() {
        var rng = new Rng(3);
        var q = rng.normal(2, 3, 5, 8);
        var k = rng.normal(2, 3, 7, 8);
        var v = rng.normal(2, 3, 7, 8);
        var plain = q.matmul(k.transpose(-2, -1)).times(0.25).softmax(-1).matmul(v);
        assertThat(q.attention(k, v, null, 0.25).minus(plain).abs().max().item()).isLessThan(1e-6);
    }

    /// Where it cannot be asked, bfloat16 attention is a scalar loop avoided for no reason.
    @Test
    void libtorchSaysWhetherItUsesUnitsForMatrices() {
        assertThat(MatrixUnits.areKnown()).isTrue();
    }

    /// Long sequences pass through the fused kernel where the processor has units for it, others through products of
    /// matrices, those of many scores in tiles of one head, heads lying apart in memory as networks make them. Inputs, scores or probabilities, and outputs are each
    /// rounded to 8 bits: the error is a few thousandths of the size of the result.
    @ParameterizedTest
    @ValueSource(longs = {1, 63, 300, 512, 700, 1500})
    void bfloat16AttentionIsFloat32AttentionRounded(long tokens) {
        var rng = new Rng(6);
        var inputs = Stream.generate(() -> rng.normal(2, tokens, 3, 64).to(DType.BFLOAT16).transpose(1, 2)).limit(3).toList();
        var q = inputs.get(0);
        var exact = q.to(DType.FLOAT32).attention(inputs.get(1).to(DType.FLOAT32), inputs.get(2).to(DType.FLOAT32), null, 0.125);
        var rounded = q.attention(inputs.get(1), inputs.get(2), null, 0.125);
        assertThat(rounded.shape()).containsExactly(2, 3, tokens, 64);
        assertThat(rounded.dtype()).isEqualTo(DType.BFLOAT16);
        var error = rounded.to(DType.FLOAT32).minus(exact);
        assertThat(error.square().mean().sqrt().item()).isLessThan(0.006 * exact.square().mean().sqrt().item());
        assertThat(error.abs().max().item()).isLessThan(0.02 * exact.abs().max().item());
    }

    /// Mixed precision would hand float32 to the scalar loop, rounded. What comes back must be what rounded inputs give.
    @Test
    void attentionInMixedPrecisionIsThatOfRoundedInputs() {
        var rng = new Rng(9);
        var inputs = Stream.generate(() -> rng.normal(1, 2, 60, 16)).limit(3).toList();
        var halves = inputs.stream().map(x -> x.to(DType.BFLOAT16)).toList();
        var mixed = Torch.mixedPrecision(Device.CPU, () -> inputs.get(0).attention(inputs.get(1), inputs.get(2), null, 0.25));
        assertThat(mixed.dtype()).isEqualTo(DType.BFLOAT16);
        assertThat(mixed.to(DType.FLOAT32).toFloats())
                .isEqualTo(halves.get(0).attention(halves.get(1), halves.get(2), null, 0.25).to(DType.FLOAT32).toFloats());
        assertThat(inputs.get(0).attention(inputs.get(1), inputs.get(2), null, 0.25).dtype()).isEqualTo(DType.FLOAT32);
    }

    @Test
    void activationsInPlaceAreThoseThatAreNot() {
        var x = new Rng(11).normal(3, 40).requireGradient(true);
        assertSame(x, x.silu(), x.times(1).siluInPlace());
        assertSame(x, x.geluTanh(), x.times(1).geluTanhInPlace());
    }

    private static void assertSame(Tensor x, Tensor expected, Tensor found) {
        assertThat(found.toFloats()).isEqualTo(expected.toFloats());
        assertThat(Tensor.gradients(found.sum(), List.of(x)).getFirst().toFloats())
                .isEqualTo(Tensor.gradients(expected.sum(), List.of(x)).getFirst().toFloats());
    }

    /// Gradients do not pass through the fused kernel, whose backward pass is slow: both ways give the same.
    @Test
    void bfloat16AttentionHasTheGradientsOfFloat32() {
        var rng = new Rng(7);
        var inputs = Stream.generate(() -> rng.normal(1, 2, 520, 16).to(DType.BFLOAT16)).limit(3).toList();
        var wide = inputs.stream().map(x -> x.to(DType.FLOAT32).requireGradient(true)).toList();
        inputs.forEach(x -> x.requireGradient(true));
        wide.get(0).attention(wide.get(1), wide.get(2), null, 0.25).square().sum().backward();
        inputs.get(0).attention(inputs.get(1), inputs.get(2), null, 0.25).square().sum().backward();
        for (var i = 0; i < 3; i++) {
            var expected = wide.get(i).gradient();
            var error = inputs.get(i).gradient().to(DType.FLOAT32).minus(expected);
            assertThat(error.square().mean().sqrt().item()).isLessThan(0.02 * expected.square().mean().sqrt().item());
        }
    }

    /// Memory that others have left, full of what is not a number, must not get into gradients.
    @Test
    void gradientsOfConvolutionsToOddChannelsAreFinite() {
        for (var seed = 0; seed < 40; seed++) {
            var rng = new Rng(seed);
            var x = rng.normal(2, 64, 5, 18, 18).requireGradient(true);
            var weight = rng.normal(5, 64, 3, 3, 3).requireGradient(true);
            var bias = rng.normal(5).requireGradient(true);
            Scope.run(() -> {
                LongStream.of(1_000, 20_000, 200_000, 2_000_000).forEach(count -> Tensor.full(Float.NaN, DType.FLOAT32, Device.CPU, count));
            });
            Scope.run(() -> {
                var y = Torch.mixedPrecision(Device.CPU, () -> x.conv3d(weight, bias, new long[] {1, 1, 1}, new long[] {0, 1, 1}));
                var flat = Torch.mixedPrecision(Device.CPU, () -> x.select(2, 0).conv2d(weight.select(2, 0), bias, 1, 1));
                assertThat(y.shape()).containsExactly(2, 5, 3, 18, 18);
                var found = Tensor.gradients(y.to(DType.FLOAT32).square().sum().plus(flat.to(DType.FLOAT32).square().sum()), List.of(x, weight, bias));
                var exact = x.conv3d(weight, bias, new long[] {1, 1, 1}, new long[] {0, 1, 1});
                var exactFlat = x.select(2, 0).conv2d(weight.select(2, 0), bias, 1, 1);
                var expected = Tensor.gradients(exact.square().sum().plus(exactFlat.square().sum()), List.of(x, weight, bias));
                for (var i = 0; i < 3; i++) {
                    assertThat(found.get(i).minus(expected.get(i)).square().mean().sqrt().item())
                            .isLessThan(0.02 * expected.get(i).square().mean().sqrt().item());
                }
            });
        }
    }

    @Test
    void aKernelOfOnePlaceMayLeavePlacesOut() {
        var rng = new Rng(12);
        var x = rng.normal(3, 12, 10, 9).requireGradient(true);
        var weight = rng.normal(8, 12, 1, 1).requireGradient(true);
        var bias = rng.normal(8);
        var expected = x.conv2d(weight, bias, 1, 0).slice(2, 0, 10, 2).slice(3, 0, 9, 2);
        var found = x.conv2d(weight, bias, 2, 0);
        assertThat(found.shape()).containsExactly(3, 8, 5, 5);
        assertThat(found.minus(expected).abs().max().item()).isLessThan(1e-5);
        for (var i = 0; i < 50; i++) {
            Scope.run(() -> {
                var half = Torch.mixedPrecision(Device.CPU, () -> x.conv2d(weight, bias, 2, 0)).to(DType.FLOAT32);
                assertThat(half.minus(expected).square().mean().sqrt().item()).isLessThan(0.02 * expected.square().mean().sqrt().item());
                assertThat(Tensor.gradients(half.square().sum(), List.of(x, weight))).allMatch(Tensor::isFinite);
            });
        }
    }

    /// One picture whose batch axis has a stride of its own, as views make it, and behind it in memory what is not a number.
    @ParameterizedTest
    @CsvSource({"16, 8", "48, 4", "64, 2", "24, 24", "24, 40", "24, 64"})
    void convolutionsReadNothingBehindTheirInputs(int in, int out) {
        for (var seed = 0; seed < 10; seed++) {
            var rng = new Rng(seed);
            var x = beforeNaN(rng, in).requireGradient(true);
            var weight = rng.normal(out, in, 3, 3).to(DType.BFLOAT16).requireGradient(true);
            var y = x.conv2d(weight, null, 1, 1);
            assertThat(y.isFinite()).isTrue();
            assertThat(Tensor.gradients(List.of(y), List.of(beforeNaN(rng, out)), List.of(x, weight), false)).allMatch(Tensor::isFinite);
        }
    }

    private static Tensor beforeNaN(Rng rng, int channels) {
        var count = 16L * 16 * channels;
        var all = Tensor.cat(List.of(rng.normal(count), Tensor.full(Float.NaN, DType.FLOAT32, Device.CPU, 64)), 0).to(DType.BFLOAT16);
        return all.narrow(0, 0, count).reshape(16, 16, 1, channels).permute(2, 3, 0, 1).detach();
    }

    /// So many scores are not kept for the gradients, in mixed precision neither: what computes them again is float32 attention.
    @Test
    void gradientsOfLongAttentionKeepNoScores() {
        var rng = new Rng(7);
        var inputs = Stream.generate(() -> rng.normal(1, 1, 17_000, 8).to(DType.BFLOAT16).to(DType.FLOAT32).requireGradient(true)).limit(3).toList();
        var exact = inputs.get(0).attention(inputs.get(1), inputs.get(2), null, 0.25);
        var before = Torch.residentBytes();
        var mixed = Torch.mixedPrecision(Device.CPU, () -> inputs.get(0).attention(inputs.get(1), inputs.get(2), null, 0.25));
        assertThat(Torch.residentBytes() - before).isLessThan(100 << 20);
        assertThat(mixed.toFloats()).isEqualTo(exact.to(DType.BFLOAT16).toFloats());
        var found = Tensor.gradients(mixed.to(DType.FLOAT32).square().sum(), inputs);
        var expected = Tensor.gradients(exact.square().sum(), inputs);
        for (var i = 0; i < 3; i++) {
            assertThat(found.get(i).minus(expected.get(i)).square().mean().sqrt().item())
                    .isLessThan(0.02 * expected.get(i).square().mean().sqrt().item());
        }
    }

    @Test
    void halfPrecisionAttentionAgreesUpToItsRounding() {
        var rng = new Rng(4);
        var q = rng.normal(1, 2, 600, 16);
        var k = rng.normal(1, 2, 20_000, 16);
        var v = rng.normal(1, 2, 20_000, 16);
        var exact = q.attention(k, v, null, 0.25);
        var rounded = q.to(DType.BFLOAT16).attention(k.to(DType.BFLOAT16), v.to(DType.BFLOAT16), null, 0.25);
        assertThat(rounded.to(DType.FLOAT32).minus(exact).square().mean().sqrt().item()).isLessThan(0.02 * exact.square().mean().sqrt().item() + 1e-3);
    }

    @Test
    void pairsAreTurnedAsTheirDefinitionSays() {
        var rng = new Rng(8);
        var x = rng.normal(2, 3, 4, 6).requireGradient(true);
        var angle = rng.normal(4, 3);
        var turned = x.turnPairs(angle.cos(), angle.sin());
        Tensor a = x.slice(3, 0, 6, 2), b = x.slice(3, 1, 6, 2);
        var plain = Tensor.stack(List.of(a.times(angle.cos()).minus(b.times(angle.sin())), a.times(angle.sin()).plus(b.times(angle.cos()))), -1)
                .reshape(2, 3, 4, 6);
        assertThat(turned.minus(plain).abs().max().item()).isLessThan(1e-6);
        // Turning back is the transposed map, so it is the gradient.
        var weights = rng.normal(2, 3, 4, 6);
        turned.backward(weights);
        assertThat(x.gradient().minus(weights.turnPairs(angle.cos(), angle.sin().negate())).abs().max().item()).isLessThan(1e-6);
    }

    @Test
    void gradientsFollowTheChainRule() {
        var x = Tensor.of(new float[] {1, 2, 3}, 3).requireGradient(true);
        x.square().sum().backward();
        assertThat(x.gradient().toFloats()).containsExactly(2, 4, 6);
        x.clearGradient();
        assertThat(x.hasGradient()).isFalse();
        assertThatThrownBy(x::gradient).isInstanceOf(IllegalStateException.class);
        var unused = Tensor.ones(2).requireGradient(true);
        var gradients = Tensor.gradients(x.times(3).sum(), List.of(x, unused));
        assertThat(gradients.get(0).toFloats()).containsExactly(3, 3, 3);
        assertThat(gradients.get(1).toFloats()).containsExactly(0, 0);
        assertThat(Torch.withoutGradients(() -> x.times(2).requiresGradient())).isFalse();
    }

    @Test
    void aSeedGivesTheNumbersOfPyTorch() {
        // torch.manual_seed(0); torch.randn(3)
        assertThat(new Rng(0).normal(3).toFloats()).usingComparatorWithPrecision(1e-4f).containsExactly(1.5410f, -0.2934f, -2.1788f);
        var rng = new Rng(5);
        rng.normal(10);
        var state = rng.state();
        var next = rng.normal(20).toFloats();
        rng.restore(state);
        assertThat(rng.normal(20).toFloats()).isEqualTo(next);
    }

    @Test
    void aMappedFileIsNeverWrittenTo(@TempDir Path folder) throws Exception {
        var file = folder.resolve("data");
        Files.write(file, new byte[] {1, 2, 3, 4, 5, 6, 7, 8});
        var mapped = Tensor.mapFile(file, 8);
        assertThat(mapped.narrow(0, 4, 4).toBytes()).containsExactly(5, 6, 7, 8);
        mapped.zeroInPlace();
        assertThat(Files.readAllBytes(file)).containsExactly(1, 2, 3, 4, 5, 6, 7, 8);
    }

    @Test
    void pagesSentOutComeBackUnchanged(@TempDir Path folder) throws Exception {
        var file = folder.resolve("data");
        var bytes = new byte[1 << 24];
        new Random(1).nextBytes(bytes);
        Files.write(file, bytes);
        var mapped = Tensor.mapFile(file, bytes.length);
        assertThat(mapped.toBytes()).isEqualTo(bytes);
        var before = Torch.residentFileBytes();
        mapped.pageOut();
        assertThat(before - Torch.residentFileBytes()).isGreaterThan(bytes.length / 2);
        assertThat(mapped.toBytes()).isEqualTo(bytes);
        // Memory of our own has no file to come back from: the advice must leave it alone.
        var own = Tensor.of(bytes, bytes.length);
        own.pageOut();
        assertThat(own.toBytes()).isEqualTo(bytes);
    }

    @Test
    void metaTensorsHaveShapesWithoutMemory() {
        var before = Torch.residentBytes();
        var huge = Tensor.meta(DType.FLOAT32, 1L << 20, 1L << 20);
        assertThat(huge.times(2).shape()).containsExactly(1L << 20, 1L << 20);
        assertThat(Torch.residentBytes() - before).isLessThan(64L << 20);
    }

    @Test
    void devicesAreReadAsTyped() {
        assertThat(Device.parse("CPU")).isEqualTo(Device.CPU);
        assertThatThrownBy(() -> Device.parse("gpu")).hasMessageContaining("unknown device \"gpu\"").hasMessageContaining("cuda:N");
        assertThatThrownBy(() -> Device.parse("cuda:99")).hasMessageContaining("not available");
    }

    /// One small clip in float32 takes another way than libtorch's own; numbers of double length do not.
    @ParameterizedTest
    @CsvSource({"1,16,3,7,8,3,1", "1,4,24,5,6,3,2", "2,8,8,4,9,3,1", "1,12,6,1,5,1,1", "1,3,5,3,1,3,1"})
    void convolutionsAndTheirGradientsAreThoseOfDoubleLength(int clips, int in, int out, int frames, int size, int kernel, int stride) {
        var rng = new Rng(2);
        var values = List.of(rng.normal(clips, in, frames, size, size), rng.normal(out, in, Math.min(kernel, frames), kernel, kernel), rng.normal(out));
        var single = convolved(values, DType.FLOAT32, stride, kernel / 2);
        var twice = convolved(values, DType.FLOAT64, stride, kernel / 2);
        assertThat(single).hasSize(4);
        for (var i = 0; i < single.size(); i++) {
            var error = single.get(i).to(DType.FLOAT64).minus(twice.get(i)).square().mean().item();
            assertThat(error / twice.get(i).square().mean().item()).as("%d of result, input, weight, bias", i).isLessThan(1e-10);
        }
    }

    private static List<Tensor> convolved(List<Tensor> values, DType dtype, int stride, int padding) {
        var leaves = values.stream().map(v -> v.to(dtype).copy().requireGradient(true)).toList();
        var y = leaves.getFirst().conv3d(leaves.get(1), leaves.get(2), new long[] {1, stride, stride}, new long[] {0, padding, padding});
        var gradients = Tensor.gradients(y.square().sum(), leaves);
        return Stream.concat(Stream.of(y.detach()), gradients.stream()).toList();
    }

    /// libtorch's bfloat16 kernels for some of these sizes return wrong numbers.
    @ParameterizedTest
    @CsvSource({"1,2,16,32", "1,4,16,32", "1,8,4,16", "1,14,3,32", "1,4,3,8", "2,2,8,16", "3,4,16,32"})
    void convolvingPatchesIsTheSameInBfloat16(int frames, int size, int in, int out) {
        var rng = new Rng(1);
        var x = rng.normal(2, in, 2 * frames, 2 * size + 1, 3 * size);
        var weight = rng.normal(out, in, frames, size, size);
        var bias = rng.normal(out);
        var stride = new long[] {frames, size, size};
        var exact = x.conv3d(weight, bias, stride, new long[3]);
        var rounded = Torch.mixedPrecision(Device.CPU, () -> x.conv3d(weight, bias, stride, new long[3])).to(DType.FLOAT32);
        assertThat(exact.shape()).containsExactly(2, out, 2, 2, 3);
        assertThat(rounded.minus(exact).square().mean().item() / exact.square().mean().item()).isLessThan(1e-4);
        if (frames == 1) {
            var first = x.narrow(2, 0, 1).squeeze(2).conv2d(weight.squeeze(2), bias, size, 0);
            // One frame is another number of rows to multiply, which processors may add up in another order.
            assertThat(first.minus(exact.narrow(2, 0, 1).squeeze(2)).abs().max().item()).isLessThan(1e-4);
        }
        // The definition, at the last place of the last sample.
        var patch = x.narrow(0, 1, 1).narrow(2, frames, frames).narrow(3, size, size).narrow(4, 2 * size, size);
        var sums = patch.times(weight).flatten(1, 4).sum(false, 1).plus(bias);
        assertThat(exact.narrow(0, 1, 1).narrow(2, 1, 1).narrow(3, 1, 1).narrow(4, 2, 1).flatten(0, 4).minus(sums).abs().max().item()).isLessThan(1e-3);
    }
}
