package org.zoetrope.cli;

import org.zoetrope.pipeline.Estimate;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Torch;

/// How many operations a second this machine does, measured for a moment with products of matrices.
///
/// @param flopsPerSecond of a large product in the number type of the model
record Speed(double flopsPerSecond) {
    private static final int SIDE = 512;
    private static final double MEASURED_SECONDS = 0.05;
    /// Networks reach less than products of large matrices: attention, norms and small layers wait for memory.
    private static final double NETWORKS_REACH = 0.5;

    static Speed measure(DType dtype, Device device) {
        return Torch.withoutGradients(() -> Scope.run(() -> {
            var a = Tensor.ones(SIDE, SIDE).to(device, dtype);
            var start = System.nanoTime();
            // The best of many short products: other processes slow down most of them, but hardly all.
            var best = Double.POSITIVE_INFINITY;
            while (seconds(start) < MEASURED_SECONDS) {
                var begin = System.nanoTime();
                product(a);
                best = Math.min(best, seconds(begin));
            }
            return new Speed(2.0 * SIDE * SIDE * SIDE / best);
        }));
    }

    private static double seconds(long since) {
        return (System.nanoTime() - since) / 1e9;
    }

    /// Reading one element waits for the whole product, also on a device that works ahead.
    private static double product(Tensor a) {
        return Scope.run(() -> a.matmul(a).select(0, 0).select(0, 0).item());
    }

    /// What a run of this many operations takes, within a factor of two for models of a hundred million parameters
    /// and more; small models take longer, because starting operations costs more than computing them.
    double seconds(Estimate estimate) {
        return seconds(estimate.flops());
    }

    /// As [#seconds(Estimate)], for a number of operations.
    double seconds(double flops) {
        return flops / (flopsPerSecond * NETWORKS_REACH);
    }
}
