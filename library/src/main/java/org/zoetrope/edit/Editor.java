package org.zoetrope.edit;

import java.util.List;
import org.zoetrope.tensor.Tensor;

/// A method of editing: from the latents of a clip to the latents of the changed clip. Methods are values, hold no state,
/// and see nothing of a network but its velocity under the two prompts.
///
/// What ties the result to the source tells them apart: nothing or what noise leaves over ([RandomStart], [Sdedit]), the
/// difference of two velocities under the same noise ([FlowEdit], [FlowDirectorV1], [FlowDirectorV2]), or the way back
/// from the source to noise ([InversionEdit]).
public interface Editor {
    /// The latents of the edited clip, shaped like `task.source()`.
    Tensor edit(EditTask task);

    /// The same method, once it is known on how much of the clip it may act.
    ///
    /// @param area of the mask as a share of the clip, 0 .. 1; 1 without one
    default Editor within(double area) {
        return this;
    }

    /// How many evaluations of the network [#edit] takes at most, apart from those of finding a mask.
    ///
    /// @param steps   of the whole run
    /// @param windows a long clip is looked at in so many parts
    long evaluations(int steps, int windows);

    /// How many gradients [#edit] takes through the network; each costs about two evaluations.
    default long gradients(int steps) {
        return 0;
    }

    /// Why this method can do nothing with a clip, each reason with what to do instead; empty if it can. Asked before the
    /// run, which may be long.
    default List<String> obstacles(ClipShape clip) {
        return List.of();
    }

    /// What of this method comes to nothing on a clip although the rest of it works.
    default List<String> caveats(ClipShape clip) {
        return List.of();
    }

    /// Whether every step looks at the network once under each prompt, at latents that have moved on from those of the step
    /// before. Only then is what the network computed there nearly what it would compute here. A method that draws fresh
    /// noise in every step stands somewhere else each time, and one that goes there and back looks at a level twice.
    default boolean followsOnePath() {
        return false;
    }

    /// In how many steps of a run the network is evaluated, at most.
    default int stepsTaken(int steps) {
        return steps;
    }

    /// The published name of the method with its parameters, for recipes.
    @Override
    String toString();

    /// Evaluations of one guided prediction: guidance 1 leaves the unprompted one out.
    static int perPrediction(double guidanceScale) {
        return guidanceScale == 1 ? 1 : 2;
    }
}
