package org.zoetrope.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Test;
import org.zoetrope.Golden;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Torch;

class ManyGenerationsTest {
    private static final int WARM_UP = 300; // by then the compiler of the virtual machine has met every method
    private static final int RUNS = 1000;
    private static final int ROUNDS = 3; // a leak grows in every one
    private static final long ALLOWED = 24L << 20; // compiler and allocator breathe by 10 MB

    /// A leaked tensor shows in the number of native objects, a leaked buffer in the resident memory of every round; in one
    /// alone the virtual machine may have touched a part of its heap for the first time. The model is opened and closed every
    /// fifty runs.
    @Test
    void aThousandGenerationsLeaveMemoryAsItWas() {
        var golden = Golden.open("pipelines/cogvideox-2b-ddim");
        var threads = Torch.threads();
        Torch.threads(1); // the networks are so small that threads would only wait for each other
        try (var _ = Scope.open()) {
            var given = Given.nothing().prompt(golden.in("prompt_embeds"))
                    .negativePrompt(golden.in("negative_prompt_embeds"));
            generate(golden, given, WARM_UP);
            var objects = settledObjects();
            var grown = Long.MAX_VALUE;
            for (var round = 0; round < ROUNDS && grown >= ALLOWED; round++) {
                var before = nativeBytes();
                generate(golden, given, RUNS);
                assertThat(settledObjects()).isLessThanOrEqualTo(objects);
                grown = nativeBytes() - before;
            }
            assertThat(grown).isLessThan(ALLOWED);
        } finally {
            Torch.threads(threads);
        }
    }

    private static void generate(Golden golden, Given given, int runs) {
        var request = Request.of("").size(16, 16).frames(1).steps(1);
        for (var i = 0; i < runs; i += 50) {
            try (var model = VideoModel.open(golden.folder())) {
                for (var k = i; k < Math.min(runs, i + 50); k++) {
                    try (var latents = model.denoise(request.seed(k), given, ProgressListener.none())) {
                        assertThat(model.decode(latents, ProgressListener.none()).frames().count()).isEqualTo(1);
                    }
                }
            }
        }
    }

    /// What the process holds beside the memory that the virtual machine accounts for.
    private static long nativeBytes() {
        var machine = ManagementFactory.getMemoryMXBean();
        return Torch.residentBytes() - machine.getHeapMemoryUsage().getCommitted()
                - machine.getNonHeapMemoryUsage().getCommitted();
    }

    /// Streams of random numbers are freed by the garbage collector.
    private static long settledObjects() {
        System.gc();
        try {
            Thread.sleep(100);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return Torch.liveObjects();
    }
}
