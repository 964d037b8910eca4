/// The bricks that several papers share unchanged: tensors and a weights tree enter, tensors leave.
/// A brick reads its parameters in its constructor, under the names published checkpoints use, and only computes
/// afterwards; it holds no running state and may be used by several threads.
/// Read `Linear` first, then `RotaryEmbedding`.
@NullMarked
package org.zoetrope.nn;

import org.jspecify.annotations.NullMarked;
