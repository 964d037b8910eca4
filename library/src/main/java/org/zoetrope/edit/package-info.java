/// Enters: a clip, words that describe it, words that describe what it should become, and a model as a function of noisy
/// latents in flow form. Leaves: the edited clip at the size, rate and length it came with, with the recipe that made it.
/// Read first: `Editor` and `EditTask` (what every method works with), then the method you need, such as `FlowEdit`;
/// `VideoEditor` is the door for videos and models.
@NullMarked
package org.zoetrope.edit;

import org.jspecify.annotations.NullMarked;
