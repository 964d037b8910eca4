package org.zoetrope.nn;

import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.Weights;

/// A scalar condition (timestep, ofs, frame rate) as a vector: sinusoid, then a SiLU MLP (section 3.5 of 1706.03762
/// for the sinusoid).
public record TimeEmbedding(int width, boolean cosineFirst, double shift, Linear first, Linear second) {
    /// @param width       size of the sinusoid
    /// @param out         size of both layers of the MLP, stored as `linear_1` and `linear_2`
    /// @param cosineFirst `flip_sin_to_cos` of published configs
    /// @param shift       `freq_shift` of published configs
    public TimeEmbedding(Weights w, int width, int out, boolean cosineFirst, double shift) {
        this(width, cosineFirst, shift, new Linear(w.at("linear_1").whole(), width, out),
                new Linear(w.at("linear_2").whole(), out, out));
    }

    /// @param t values [B]
    /// @return [B, out]
    public Tensor forward(Tensor t) {
        var wave = sinusoid(t, width, cosineFirst, shift).like(first.weight());
        return second.forward(first.forward(wave).silu());
    }

    /// exp(-ln(10000) i / (half - shift)) times t, as [sin | cos] or [cos | sin], always in float32: a timestep of 999
    /// has no exact product with the higher frequencies in half precision.
    ///
    /// @param t [B]
    /// @return [B, width]
    public static Tensor sinusoid(Tensor t, int width, boolean cosineFirst, double shift) {
        var half = width / 2;
        var frequencies = new float[half];
        for (var i = 0; i < half; i++) {
            frequencies[i] = (float) Math.exp((float) (-Math.log(10000) * i / (half - shift)));
        }
        var phase = t.to(DType.FLOAT32).unsqueeze(-1).times(Tensor.of(frequencies, 1, half).to(t.device()));
        var sin = phase.sin();
        var cos = phase.cos();
        return Tensor.cat(cosineFirst ? java.util.List.of(cos, sin) : java.util.List.of(sin, cos), -1);
    }
}
