package org.zoetrope.edit;

import static org.zoetrope.tensor.ShapeException.require;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiFunction;
import java.util.stream.IntStream;
import org.zoetrope.tensor.Tensor;

/// How a clip that is longer than a network was trained for is looked at: in overlapping windows of latent frames, whose
/// predictions are averaged where they overlap. The last window is aligned to the end.
///
/// The noise belongs to the frames and not to the window: windows see their part of noise as long as the clip, so no two
/// frames share it.
///
/// @param frames latent frames of the clip
/// @param length latent frames of a window
/// @param stride from one window to the next
public record Windows(int frames, int length, int stride) {
    public Windows {
        require(frames > 0 && length > 0 && stride > 0 && stride <= length,
                "windows of %d latent frames every %d over %d; give positive numbers and a stride no longer than a window",
                length, stride, frames);
    }

    /// One window over all.
    public static Windows one(int frames) {
        return new Windows(frames, frames, frames);
    }

    /// Windows that overlap by about a quarter, as the public FlowDirector has them (11 latent frames every 8).
    ///
    /// @param unit latent frames that a network joins into one token; windows begin at multiples of it
    public static Windows overlapping(int frames, int length, int unit) {
        var whole = Math.max(unit, length / unit * unit);
        return new Windows(frames, whole, Math.max(unit, (whole * 8 + 5) / 11 / unit * unit));
    }

    /// First latent frames of the windows.
    public List<Integer> starts() {
        var starts = new ArrayList<Integer>();
        for (var start = 0; start + length < frames; start += stride) {
            starts.add(start);
        }
        starts.add(Math.max(0, frames - length));
        return List.copyOf(starts);
    }

    public int count() {
        return starts().size();
    }

    /// What a function of one window says of the whole clip.
    ///
    /// @param x    [B, T, ...]
    /// @param look at a window of x that starts at this latent frame; the result is shaped like the window
    Tensor across(Tensor x, BiFunction<Tensor, Integer, Tensor> look) {
        var starts = starts();
        if (starts.size() == 1) {
            return look.apply(x, 0);
        }
        var sum = x.times(0);
        var cover = new double[frames];
        for (var start : starts) {
            var part = look.apply(x.narrow(1, start, length), start);
            var behind = frames - start - length;
            var amounts = new long[2 * (x.rank() - 1)];
            amounts[amounts.length - 2] = start;
            amounts[amounts.length - 1] = behind;
            sum = sum.plus(part.pad(0, amounts));
            IntStream.range(start, start + length).forEach(f -> cover[f]++);
        }
        var shape = new long[x.rank()];
        Arrays.fill(shape, 1);
        shape[1] = frames;
        return sum.div(Tensor.of(cover, shape).like(x));
    }
}
