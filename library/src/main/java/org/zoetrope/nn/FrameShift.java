package org.zoetrope.nn;

import static org.zoetrope.tensor.ShapeException.require;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Tensors;

/// What every frame of tokens gets for itself in one call of a network, beside the prompt that all frames read. Zeros
/// change nothing. Our own proposal, for networks whose text has no place of its own for each frame.
///
/// Axes: T frames of tokens, L text tokens, V video tokens, D width of the network.
///
/// @param text  added to the text that the video tokens of frame t look up [1 or B, T, L, D]: in joint attention to what keys
///              and values are computed of (after the norm, the same in every block), in cross-attention to the words
/// @param video added to the video tokens of frame t before the first block [1 or B, T, D]
public record FrameShift(Optional<Tensor> text, Optional<Tensor> video) implements Tensors {
    private static final FrameShift NONE = new FrameShift(Optional.empty(), Optional.empty());

    /// All frames alike.
    public static FrameShift none() {
        return NONE;
    }

    /// A shift of the text that frames look up.
    public static FrameShift ofText(Tensor text) {
        return new FrameShift(Optional.of(text), Optional.empty());
    }

    /// A shift of the video tokens.
    public static FrameShift ofVideo(Tensor video) {
        return new FrameShift(Optional.empty(), Optional.of(video));
    }

    @Override
    public List<Tensor> tensors() {
        return Stream.of(text, video).flatMap(Optional::stream).toList();
    }

    /// The same for the second sample of two, of which the first has no shift.
    public FrameShift behindNothing() {
        return new FrameShift(text.map(FrameShift::behindZeros), video.map(FrameShift::behindZeros));
    }

    private static Tensor behindZeros(Tensor shift) {
        return Tensor.cat(List.of(shift.times(0), shift), 0);
    }

    /// Checks that this belongs to a network and its inputs.
    ///
    /// @throws org.zoetrope.tensor.ShapeException if there are other frames, text tokens or widths
    public void check(long frames, long textTokens, long width) {
        text.ifPresent(t -> require(t.rank() == 4 && t.size(1) == frames && t.size(2) == textTokens && t.size(3) == width,
                "shifts of the text %s are not [1, %d, %d, %d]: frames of tokens, text tokens, width", t, frames, textTokens, width));
        video.ifPresent(v -> require(v.rank() == 3 && v.size(1) == frames && v.size(2) == width,
                "shifts of the video %s are not [1, %d, %d]: frames of tokens, width", v, frames, width));
    }

    /// Video tokens with their frame's shift.
    ///
    /// @param tokens [B, V, D], frame after frame
    public Tensor onVideo(Tensor tokens) {
        return video.map(v -> tokens.plus(v.like(tokens).repeatInterleave(1, tokens.size(1) / v.size(1)))).orElse(tokens);
    }

    /// The text of every frame.
    ///
    /// @param words [B, L, D]
    /// @return [B, T, L, D]; empty if all frames read the words as they are
    public Optional<Tensor> onText(Tensor words) {
        return text.map(t -> words.unsqueeze(1).plus(t.like(words)));
    }
}
