/// Enters: finished clips as [Frames][org.zoetrope.media.Frames], whoever made them, and what their prompts promised.
/// Leaves: a [Verdict][org.zoetrope.eval.Verdict] per clip, reports over many, and distances between clips.
/// Read first: `Judge`, then `Observation` for how a clip is looked at and `EvaluationReport` for what is counted.
@NullMarked
package org.zoetrope.eval;

import org.jspecify.annotations.NullMarked;
