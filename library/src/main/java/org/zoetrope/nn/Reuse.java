package org.zoetrope.nn;

import java.util.Optional;

/// What a network may take over from its calls at earlier steps of a run, instead of computing nearly the same again. Both
/// methods are training-free; what comes out differs a little from a run that computes everything.
public sealed interface Reuse {
    /// What all blocks together added to their input is taken over while the network's moment has hardly moved (TeaCache,
    /// arXiv 2411.19108, section 3.3).
    ///
    /// @param threshold change of the moment, summed up since the blocks were last run, at which they are run again; 0
    ///                  runs them always, empty leaves the choice to the model, see [Drift]
    record Stack(Optional<Double> threshold) implements Reuse {
        /// The model's choice.
        public static Stack usual() {
            return new Stack(Optional.empty());
        }

        public Stack threshold(double change) {
            return new Stack(Optional.of(change));
        }
    }

    /// What an attention gave is taken over for a few steps in the middle of a run, where it hardly differs from step to
    /// step (pyramid attention broadcast, arXiv 2408.12588, section 3.2).
    ///
    /// @param every      one of so many calls, 1 or more, computes an attention in which the video sees itself; 1 is all
    /// @param everyCross one of so many calls computes what the video sees in the words, which changes least
    /// @param low        timestep above which attentions are taken over
    /// @param high       timestep below which attentions are taken over
    record Attention(int every, int everyCross, double low, double high) implements Reuse {
        /// The ranges of the paper: 2 for attention among the video and 6 for that to the words, within the timesteps 100
        /// to 850 of the authors' code for CogVideoX. There is no published setting for Wan; it gets the same.
        public static Attention published() {
            return new Attention(2, 6, 100, 850);
        }

        /// How many calls share one result.
        int range(AttentionTap.Kind kind) {
            return kind == AttentionTap.Kind.CROSS ? everyCross : every;
        }
    }
}
