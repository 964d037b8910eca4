/// Checkpoints and settings. Files enter, safetensors in one or many shards and `config.json`, and a tree of named
/// tensors and validated records leave; all that a file can get wrong is checked here, before memory is spent on it.
/// Start with [Weights], which every layer is built from; [SafetensorsHeader] is the door a file passes first.
@NullMarked
package org.zoetrope.weights;

import org.jspecify.annotations.NullMarked;
