/// Checkpoints and settings. Files enter: safetensors (one or many shards) and `config.json`; a tree of named tensors and
/// validated records leave.
/// Everything a file can get wrong is checked here, completely, before memory is spent on it.
/// Start with [Weights]: it is what every layer is built from; [SafetensorsHeader] is the door a file passes first.
@NullMarked
package org.zoetrope.weights;

import org.jspecify.annotations.NullMarked;
