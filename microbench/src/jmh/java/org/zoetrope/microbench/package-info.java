/// Enters: small tensors, one prompt and one file of the bundled model.
/// Leaves: microseconds for each of the parts that a run repeats thousands of times, beside a product of matrices.
/// Read first: `SmallParts`.
@NullMarked
package org.zoetrope.microbench;

import org.jspecify.annotations.NullMarked;
