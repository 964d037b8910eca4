package org.zoetrope.media;

import java.nio.file.Path;
import java.util.Optional;

/// What a media file says about itself, without its pixels.
///
/// @param path         the file, or the first of a sequence of pictures
/// @param container    `mp4`, `mkv`, `webm`, `gif`, `webp`, `png`, or FFmpeg's name for another one
/// @param codec        FFmpeg's codec name, such as `h264`
/// @param fps          frames per second; the average where the rate varies, 1 for a single picture
/// @param frameCount   frames stored
/// @param duration     seconds
/// @param variableRate whether frames are shown for different times
/// @param comment      the text stored in the file, in our own files the recipe as JSON
public record MediaInfo(Path path, String container, String codec, int width, int height, double fps, int frameCount,
        double duration, boolean variableRate, Optional<String> comment) {}
