package org.zoetrope.pipeline;

import org.zoetrope.nn.FeatureCache;
import org.zoetrope.tensor.Tensor;

/// What happens during a run, in this order; counts are true counts.
public sealed interface Progress {
    /// Something the user should know, such as the words of a prompt that the model does not read.
    record Notice(String text) implements Progress {}

    /// A component is about to be brought into memory.
    ///
    /// @param component its name in the model folder, such as `transformer`
    /// @param bytes     what its weights will take
    record Loading(String component, long bytes) implements Progress {}

    /// Something given is about to be turned into what the network reads.
    ///
    /// @param what `prompt`, `negative prompt`, `picture` (its features), `first frame` or `video`
    record Encoding(String what) implements Progress {}

    /// Steps of the sampler are behind us; the first report has `done` 0.
    ///
    /// @param latents where the run stands, [1, T, C, H, W] in float32; valid during the call only
    record Denoising(int done, int steps, Tensor latents) implements Progress {}

    /// Denoising has ended, and some of it was taken over from earlier steps; only of requests that ask for it.
    record Reused(FeatureCache.Counts counts) implements Progress {
        /// What was, such as `8 of 24 blocks and 0 of 32 attentions of the rest, in 6 calls of the network`.
        public String words() {
            return "%d of %d blocks and %d of %d attentions of the rest, in %d calls of the network".formatted(
                    counts.reusedBlocks(), counts.blocks(), counts.reusedAttentions(), counts.attentions(),
                    counts.calls());
        }
    }

    /// Chunks of frames are decoded, of one tile after the other where the picture is cut; the first report has `done` 0.
    record Decoding(int done, int chunks) implements Progress {}
}
