/// The only door to libtorch: numbers, shapes and files of numbers enter, [org.zoetrope.tensor.Tensor]s leave.
/// Memory is owned by scopes, randomness by an [org.zoetrope.tensor.Rng] that is passed as an argument, and no other
/// package names a native class.
/// Read `Tensor` first, then `Scope`.
@NullMarked
package org.zoetrope.tensor;

import org.jspecify.annotations.NullMarked;
