/// Training from scratch: clips with captions enter, a model folder in the published layout leaves.
/// A run is a folder with one checkpoint file that is replaced whole, and every random draw comes from the step's own
/// seed, so a run killed at any moment continues to the same losses as one that was never stopped.
/// Read `MiniRecipe` first, then `TrainingRun`.
@NullMarked
package org.zoetrope.train;

import org.jspecify.annotations.NullMarked;
