/// Published encoders of pictures, one file each: pixels enter, features leave.
/// They know nothing of what the features are for; image-to-video models and the evaluation read them.
/// Read `ClipVisionEncoder` first.
@NullMarked
package org.zoetrope.models.vision;

import org.jspecify.annotations.NullMarked;
