/// Enters: a seed and, where it matters, which [Split][org.zoetrope.scenes.Split] of the combinations may be drawn.
/// Leaves: clips of moving shapes as [Frames][org.zoetrope.media.Frames], captions, and what each caption promises.
/// Read first: `Scene`, then `Track` for where things are and `Captions` for what is said about them.
@NullMarked
package org.zoetrope.scenes;

import org.jspecify.annotations.NullMarked;
