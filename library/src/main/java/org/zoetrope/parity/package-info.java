/// Our implementations against what reference implementations computed.
/// A fixture folder enters (a checkpoint, a scheduler, a tokenizer or a whole model, with inputs and outputs of the
/// reference); how far every output of ours is from it leaves.
/// Read first: `Parity`, then `Subjects` for what each class is asked to compute.
@NullMarked
package org.zoetrope.parity;

import org.jspecify.annotations.NullMarked;
