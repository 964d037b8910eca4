/// Enters: files of video and pictures, and clips in memory from a decoder or a scene generator.
/// Leaves: [Frames][org.zoetrope.media.Frames] (8 bit RGB, row by row), and video files that were reopened and checked.
/// Read first: `Frames`, then `VideoWriter` and `VideoReader`.
@NullMarked
package org.zoetrope.media;

import org.jspecify.annotations.NullMarked;
