package org.zoetrope.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/// A block of numbers with a shape, over libtorch.
///
/// Operations return new tensors that belong to the innermost open [Scope]; names ending in `InPlace` change this
/// tensor and return it. Axes count from 0; negative axes count from the end. Shapes broadcast as in PyTorch. Misuse
/// that libtorch finds (shapes that do not fit, unequal types) is a `RuntimeException` whose first line says why.
public final class Tensor {
    private final org.bytedeco.pytorch.Tensor handle;
    @Nullable Scope owner;

    private Tensor(org.bytedeco.pytorch.Tensor handle) {
        this.handle = handle;
    }

    // ---------------------------------------------------------------- ownership

    static Tensor own(org.bytedeco.pytorch.Tensor handle) {
        var tensor = new Tensor(handle);
        var scope = Scope.current();
        tensor.owner = scope;
        if (scope != null) {
            scope.adopt(tensor);
        }
        return tensor;
    }

    void moveTo(@Nullable Scope from, @Nullable Scope to) {
        if (owner == from) {
            owner = to;
            if (to != null) {
                to.adopt(this);
            }
        }
    }

    void free() {
        owner = null;
        handle.deallocate();
    }

    /// Frees the native memory now, for a tensor that outlived every scope. Using it afterwards is an error.
    public void close() {
        free();
    }

    /// Whether the native memory was freed.
    public boolean isClosed() {
        return handle.isNull();
    }

    org.bytedeco.pytorch.Tensor handle() {
        return handle;
    }

    static TensorOptions options(DType dtype, Device device) {
        Torch.load();
        try (var type = new ScalarTypeOptional(dtype.scalar);
                var where = device.handle();
                var place = new DeviceOptional(where);
                var plain = new TensorOptions()) {
            try (var typed = plain.dtype(type)) {
                return typed.device(place);
            }
        }
    }

    // ---------------------------------------------------------------- making

    public static Tensor zeros(DType dtype, Device device, long... shape) {
        try (var options = options(dtype, device)) {
            return own(torch.zeros(shape, options));
        }
    }

    /// Zeros as float32 on the CPU.
    public static Tensor zeros(long... shape) {
        return zeros(DType.FLOAT32, Device.CPU, shape);
    }

    /// Ones as float32 on the CPU.
    public static Tensor ones(long... shape) {
        return full(1, shape);
    }

    /// One value everywhere, as float32 on the CPU.
    public static Tensor full(double value, long... shape) {
        return full(value, DType.FLOAT32, Device.CPU, shape);
    }

    public static Tensor full(double value, DType dtype, Device device, long... shape) {
        try (var options = options(dtype, device); var scalar = new Scalar(value)) {
            return own(torch.full(shape, scalar, options));
        }
    }

    /// A shape and a type without memory, for laying out a model.
    public static Tensor meta(DType dtype, long... shape) {
        return zeros(dtype, Device.META, shape);
    }

    /// 0, 1, ..., n-1 as int64 on the CPU.
    public static Tensor range(long n) {
        var values = new long[Math.toIntExact(n)];
        Arrays.setAll(values, i -> i);
        return of(values, n);
    }

    /// Copies float32 values in memory order.
    public static Tensor of(float[] values, long... shape) {
        var tensor = emptyFor(values.length, DType.FLOAT32, shape);
        MemorySegment.copy(values, 0, tensor.memory(), ValueLayout.JAVA_FLOAT, 0, values.length);
        return tensor;
    }

    /// Copies float64 values in memory order.
    public static Tensor of(double[] values, long... shape) {
        var tensor = emptyFor(values.length, DType.FLOAT64, shape);
        MemorySegment.copy(values, 0, tensor.memory(), ValueLayout.JAVA_DOUBLE, 0, values.length);
        return tensor;
    }

    /// Copies int64 values in memory order.
    public static Tensor of(long[] values, long... shape) {
        var tensor = emptyFor(values.length, DType.INT64, shape);
        MemorySegment.copy(values, 0, tensor.memory(), ValueLayout.JAVA_LONG, 0, values.length);
        return tensor;
    }

    /// Copies uint8 values in memory order.
    public static Tensor of(byte[] values, long... shape) {
        var tensor = emptyFor(values.length, DType.UINT8, shape);
        MemorySegment.copy(values, 0, tensor.memory(), ValueLayout.JAVA_BYTE, 0, values.length);
        return tensor;
    }

    /// A float32 scalar (no axes).
    public static Tensor scalar(double value) {
        return full(value);
    }

    private static Tensor emptyFor(long count, DType dtype, long[] shape) {
        var size = 1L;
        for (var axis : shape) {
            size *= axis;
        }
        ShapeException.require(size == count, "%d values do not fill shape %s", count, Arrays.toString(shape));
        return zeros(dtype, Device.CPU, shape);
    }

    /// Maps a whole file into memory as uint8 [bytes], without reading it. The mapping is private: writing to the
    /// tensor never reaches the file. It lives as long as any view of it. The file must not be shortened meanwhile.
    public static Tensor mapFile(Path file, long bytes) {
        try (var options = options(DType.UINT8, Device.CPU);
                var shared = new BoolOptional(false);
                var size = new LongOptional(bytes)) {
            return own(torch.from_file(file.toAbsolutePath().toString(), shared, size, options));
        }
    }

    // ---------------------------------------------------------------- looking

    public long[] shape() {
        var shape = new long[(int) handle.dim()];
        for (var i = 0; i < shape.length; i++) {
            shape[i] = handle.size(i);
        }
        return shape;
    }

    public long size(int axis) {
        return handle.size(axis);
    }

    public int rank() {
        return (int) handle.dim();
    }

    /// The number of elements.
    public long count() {
        return handle.numel();
    }

    public DType dtype() {
        return DType.of(handle.scalar_type());
    }

    public Device device() {
        try (var device = handle.device()) {
            return Device.of(device);
        }
    }

    public boolean isMeta() {
        return handle.is_meta();
    }

    public boolean isContiguous() {
        return handle.is_contiguous();
    }

    /// The elements as they lie in memory, without a copy. Valid while this tensor is; CPU and contiguous only.
    public MemorySegment memory() {
        ShapeException.require(handle.is_cpu() && handle.is_contiguous(), "memory of a tensor %s that is not contiguous on the CPU", this);
        if (count() == 0) {
            return MemorySegment.NULL;
        }
        try (var pointer = handle.data_ptr()) {
            return MemorySegment.ofAddress(pointer.address()).reinterpret(handle.nbytes());
        }
    }

    /// Says that the elements are not needed for now: pages of a mapped file leave resident memory and are read again when
    /// they are touched. Contents never change. Does nothing for memory that is not contiguous on the CPU.
    public void pageOut() {
        if (handle.is_cpu() && handle.is_contiguous() && count() > 0) {
            Pages.out(memory());
        }
    }

    /// The elements in memory order, converted to float32.
    public float[] toFloats() {
        try (var _ = Scope.open()) {
            return to(DType.FLOAT32).to(Device.CPU).contiguous().memory().toArray(ValueLayout.JAVA_FLOAT);
        }
    }

    /// The elements in memory order, converted to float64.
    public double[] toDoubles() {
        try (var _ = Scope.open()) {
            return to(DType.FLOAT64).to(Device.CPU).contiguous().memory().toArray(ValueLayout.JAVA_DOUBLE);
        }
    }

    /// The elements in memory order, converted to int64.
    public long[] toLongs() {
        try (var _ = Scope.open()) {
            return to(DType.INT64).to(Device.CPU).contiguous().memory().toArray(ValueLayout.JAVA_LONG);
        }
    }

    /// The elements in memory order, converted to uint8.
    public byte[] toBytes() {
        try (var _ = Scope.open()) {
            return to(DType.UINT8).to(Device.CPU).contiguous().memory().toArray(ValueLayout.JAVA_BYTE);
        }
    }

    /// The value of a tensor with one element.
    public double item() {
        return handle.item_double();
    }

    /// Whether no element is infinite or not a number.
    public boolean isFinite() {
        try (var finite = handle.isfinite(); var all = finite.all()) {
            return all.item_bool();
        }
    }

    @Override
    public String toString() {
        return isClosed() ? "Tensor[closed]" : dtype() + Arrays.toString(shape()) + "@" + device();
    }

    // ---------------------------------------------------------------- type and place

    public Tensor to(DType dtype) {
        return own(handle.to(dtype.scalar));
    }

    public Tensor to(Device device) {
        try (var where = device.handle()) {
            return own(handle.to(where, handle.scalar_type()));
        }
    }

    public Tensor to(Device device, DType dtype) {
        try (var where = device.handle()) {
            return own(handle.to(where, dtype.scalar));
        }
    }

    /// Type and place of another tensor.
    public Tensor like(Tensor other) {
        return own(handle.to(other.handle));
    }

    /// The same bytes read as another type; the last axis grows or shrinks with the element size.
    public Tensor bitcast(DType dtype) {
        return own(handle.view(dtype.scalar));
    }

    /// A copy that shares no memory.
    public Tensor copy() {
        return own(handle.clone());
    }

    /// This tensor, or a copy laid out in memory order.
    public Tensor contiguous() {
        return own(handle.contiguous());
    }

    // ---------------------------------------------------------------- arithmetic

    public Tensor plus(Tensor other) {
        return own(handle.add(other.handle));
    }

    public Tensor plus(double value) {
        try (var scalar = new Scalar(value)) {
            return own(handle.add(scalar));
        }
    }

    public Tensor minus(Tensor other) {
        return own(handle.sub(other.handle));
    }

    public Tensor minus(double value) {
        return plus(-value);
    }

    public Tensor times(Tensor other) {
        return own(handle.mul(other.handle));
    }

    public Tensor times(double value) {
        try (var scalar = new Scalar(value)) {
            return own(handle.mul(scalar));
        }
    }

    public Tensor div(Tensor other) {
        return own(handle.div(other.handle));
    }

    public Tensor div(double value) {
        try (var scalar = new Scalar(value)) {
            return own(handle.div(scalar));
        }
    }

    public Tensor negate() {
        return own(handle.neg());
    }

    /// this + (end - this) * weight.
    public Tensor lerp(Tensor end, double weight) {
        try (var scalar = new Scalar(weight)) {
            return own(handle.lerp(end.handle, scalar));
        }
    }

    public Tensor pow(double exponent) {
        try (var scalar = new Scalar(exponent)) {
            return own(handle.pow(scalar));
        }
    }

    public Tensor square() {
        return own(handle.square());
    }

    public Tensor sqrt() {
        return own(handle.sqrt());
    }

    /// 1 / sqrt(this).
    public Tensor rsqrt() {
        return own(handle.rsqrt());
    }

    public Tensor exp() {
        return own(handle.exp());
    }

    public Tensor log() {
        return own(handle.log());
    }

    public Tensor sin() {
        return own(handle.sin());
    }

    public Tensor cos() {
        return own(handle.cos());
    }

    public Tensor tanh() {
        return own(handle.tanh());
    }

    public Tensor sigmoid() {
        return own(handle.sigmoid());
    }

    public Tensor abs() {
        return own(handle.abs());
    }

    public Tensor sign() {
        return own(handle.sign());
    }

    public Tensor round() {
        return own(handle.round());
    }

    public Tensor floor() {
        return own(handle.floor());
    }

    public Tensor clamp(double low, double high) {
        try (var l = new Scalar(low); var h = new Scalar(high); var lo = new ScalarOptional(l); var hi = new ScalarOptional(h)) {
            return own(handle.clamp(lo, hi));
        }
    }

    /// Numbers below a bound become the bound.
    public Tensor clampMin(double low) {
        try (var l = new Scalar(low)) {
            return own(handle.clamp_min(l));
        }
    }

    /// The larger of two tensors, element by element.
    public Tensor maximum(Tensor other) {
        return own(handle.maximum(other.handle));
    }

    /// The smaller of two tensors, element by element.
    public Tensor minimum(Tensor other) {
        return own(handle.minimum(other.handle));
    }

    // ---------------------------------------------------------------- activations

    public Tensor relu() {
        return own(handle.relu());
    }

    public Tensor silu() {
        return own(torch.silu(handle));
    }

    /// The exact Gaussian error linear unit.
    public Tensor gelu() {
        return own(torch.gelu(handle));
    }

    /// The tanh approximation of [#gelu()], as the transformers of this field use it.
    public Tensor geluTanh() {
        return own(torch.gelu(handle, "tanh"));
    }

    public Tensor softmax(int axis) {
        return own(torch.softmax(handle, axis));
    }

    public Tensor softplus() {
        return own(torch.softplus(handle));
    }

    // ---------------------------------------------------------------- comparing and choosing

    /// Truth values of this == value.
    public Tensor eq(double value) {
        try (var scalar = new Scalar(value)) {
            return own(handle.eq(scalar));
        }
    }

    public Tensor eq(Tensor other) {
        return own(handle.eq(other.handle));
    }

    public Tensor less(Tensor other) {
        return own(handle.lt(other.handle));
    }

    public Tensor less(double value) {
        try (var scalar = new Scalar(value)) {
            return own(handle.lt(scalar));
        }
    }

    public Tensor greater(Tensor other) {
        return own(handle.gt(other.handle));
    }

    public Tensor greater(double value) {
        try (var scalar = new Scalar(value)) {
            return own(handle.gt(scalar));
        }
    }

    public Tensor not() {
        return own(handle.logical_not());
    }

    /// Where this truth value holds `yes`, elsewhere `no`.
    public Tensor where(Tensor yes, Tensor no) {
        return own(torch.where(handle, yes.handle, no.handle));
    }

    /// This tensor with `value` wherever the mask holds.
    public Tensor maskedFill(Tensor mask, double value) {
        try (var scalar = new Scalar(value)) {
            return own(handle.masked_fill(mask.handle, scalar));
        }
    }

    public Tensor argmax(int axis) {
        try (var a = new LongOptional(axis)) {
            return own(handle.argmax(a, false));
        }
    }

    // ---------------------------------------------------------------- reducing

    public Tensor sum() {
        return own(handle.sum());
    }

    public Tensor mean() {
        return own(handle.mean());
    }

    /// The largest element.
    public Tensor max() {
        return own(handle.max());
    }

    /// The smallest element.
    public Tensor min() {
        return own(handle.min());
    }

    /// Sums over axes; `keep` leaves them with size 1.
    public Tensor sum(boolean keep, long... axes) {
        try (var type = new ScalarTypeOptional()) {
            return own(torch.sum(handle, axes, keep, type));
        }
    }

    /// Averages over axes; `keep` leaves them with size 1.
    public Tensor mean(boolean keep, long... axes) {
        try (var type = new ScalarTypeOptional()) {
            return own(torch.mean(handle, axes, keep, type));
        }
    }

    /// The standard deviation over axes with Bessel's correction (divides by n - 1), as the reference code takes it.
    public Tensor std(boolean keep, long... axes) {
        return own(torch.std(handle, axes, true, keep));
    }

    /// The Euclidean length over axes.
    public Tensor norm(boolean keep, long... axes) {
        try (var two = new Scalar(2.0); var type = new ScalarTypeOptional()) {
            return own(torch.linalg_vector_norm(handle, two, axes, keep, type));
        }
    }

    /// The largest elements over axes.
    public Tensor max(boolean keep, long... axes) {
        return own(torch.amax(handle, axes, keep));
    }

    /// The q-quantile along one axis, interpolated linearly.
    public Tensor quantile(double q, int axis, boolean keep) {
        try (var a = new LongOptional(axis)) {
            return own(torch.quantile(handle, q, a, keep, "linear"));
        }
    }

    public Tensor cumsum(int axis) {
        return own(handle.cumsum(axis));
    }

    // ---------------------------------------------------------------- shape

    public Tensor reshape(long... shape) {
        return own(handle.reshape(shape));
    }

    public Tensor permute(long... order) {
        return own(handle.permute(order));
    }

    public Tensor transpose(int a, int b) {
        return own(handle.transpose(a, b));
    }

    public Tensor unsqueeze(int axis) {
        return own(handle.unsqueeze(axis));
    }

    public Tensor squeeze(int axis) {
        return own(handle.squeeze(axis));
    }

    /// Joins the axes `from` .. `to` into one.
    public Tensor flatten(int from, int to) {
        return own(handle.flatten(from, to));
    }

    public Tensor narrow(int axis, long start, long length) {
        return own(handle.narrow(axis, start, length));
    }

    /// One index of an axis, which disappears.
    public Tensor select(int axis, long index) {
        return own(handle.select(axis, index));
    }

    /// Every `step`-th index of an axis from `start` up to, not including, `end`.
    public Tensor slice(int axis, long start, long end, long step) {
        try (var s = new LongOptional(start); var e = new LongOptional(end)) {
            return own(handle.slice(axis, s, e, step));
        }
    }

    /// The rows of an axis named by int64 indices.
    public Tensor indexSelect(int axis, Tensor indices) {
        return own(torch.index_select(handle, axis, indices.handle));
    }

    /// Picks along an axis by int64 indices of the same rank.
    public Tensor gather(int axis, Tensor indices) {
        return own(handle.gather(axis, indices.handle));
    }

    /// Repeats axes of size 1 without copying; -1 leaves an axis as it is.
    public Tensor expand(long... shape) {
        return own(handle.expand(shape));
    }

    public Tensor repeat(long... times) {
        return own(handle.repeat(times));
    }

    /// Repeats each index of an axis `times` times in a row.
    public Tensor repeatInterleave(int axis, long times) {
        try (var a = new LongOptional(axis); var none = new LongOptional()) {
            return own(handle.repeat_interleave(times, a, none));
        }
    }

    public Tensor flip(long... axes) {
        return own(handle.flip(axes));
    }

    /// Equal parts of an axis.
    public List<Tensor> chunk(int parts, int axis) {
        ShapeException.require(size(axis) % parts == 0, "axis %d of %s does not split into %d equal parts", axis, this, parts);
        var length = size(axis) / parts;
        var result = new ArrayList<Tensor>(parts);
        for (var i = 0; i < parts; i++) {
            result.add(narrow(axis, i * length, length));
        }
        return result;
    }

    /// Consecutive parts of an axis with the given lengths.
    public List<Tensor> split(int axis, long... lengths) {
        var result = new ArrayList<Tensor>(lengths.length);
        var start = 0L;
        for (var length : lengths) {
            result.add(narrow(axis, start, length));
            start += length;
        }
        ShapeException.require(start == size(axis), "lengths %s do not fill axis %d of %s", Arrays.toString(lengths), axis, this);
        return result;
    }

    /// The slices along an axis, which disappears.
    public List<Tensor> unbind(int axis) {
        var result = new ArrayList<Tensor>();
        for (var i = 0L; i < size(axis); i++) {
            result.add(select(axis, i));
        }
        return result;
    }

    public static Tensor cat(List<Tensor> parts, int axis) {
        try (var vector = vector(parts)) {
            return own(torch.cat(vector, axis));
        }
    }

    public static Tensor stack(List<Tensor> parts, int axis) {
        try (var vector = vector(parts)) {
            return own(torch.stack(vector, axis));
        }
    }

    static TensorVector vector(List<Tensor> parts) {
        return new TensorVector(parts.stream().map(Tensor::handle).toArray(org.bytedeco.pytorch.Tensor[]::new));
    }

    /// Moves, splits and joins axes by a pattern such as `"B C (h p) W -> B (h W) (C p)"`. Every name stands for one
    /// axis; parentheses join axes; `1` is an axis of size one. Of a joined group on the left at most one size may be
    /// left open; the others come as [Axis] arguments.
    ///
    /// @throws ShapeException if the pattern does not fit this tensor's shape
    public Tensor rearrange(String pattern, Axis... sizes) {
        return Rearrange.of(pattern).apply(this, sizes);
    }

    /// Pads with a constant. `amounts` are (before, after) pairs from the last axis backwards.
    public Tensor pad(double value, long... amounts) {
        try (var v = new DoubleOptional(value)) {
            return own(torch.pad(handle, amounts, "constant", v));
        }
    }

    /// Pads by repeating the edge of the last one to three axes of a tensor of rank 2 to 5.
    public Tensor padEdge(long... amounts) {
        try (var none = new DoubleOptional()) {
            return own(torch.pad(handle, amounts, "replicate", none));
        }
    }

    // ---------------------------------------------------------------- products

    public Tensor matmul(Tensor other) {
        return own(handle.matmul(other.handle));
    }

    /// x W^T + b over the last axis.
    ///
    /// @param weight [out, in]
    /// @param bias   [out], or absent
    public Tensor linear(Tensor weight, @Nullable Tensor bias) {
        return own(bias == null ? torch.linear(handle, weight.handle) : torch.linear(handle, weight.handle, bias.handle));
    }

    /// The rows of a table [N, D] named by these int64 indices: [..., D].
    public Tensor embedding(Tensor table) {
        return own(torch.embedding(table.handle, handle));
    }

    /// softmax(q k^T scale + mask) v; this is q.
    ///
    /// @param k     [B, heads, keys, D]
    /// @param v     [B, heads, keys, D]
    /// @param mask  added to the scores, or truth values of what may be seen; absent for full attention
    /// @param scale factor of the scores
    /// @return [B, heads, queries, D]
    public Tensor attention(Tensor k, Tensor v, @Nullable Tensor mask, double scale) {
        if (mask == null && handle.is_cpu()) {
            if (dtype() == DType.FLOAT32 && Torch.isMixedPrecision(device())) {
                // What libtorch would do inside, and then compute with the kernel that is avoided here.
                return Scope.run(() -> to(DType.BFLOAT16).attention(k.to(DType.BFLOAT16), v.to(DType.BFLOAT16), null, scale));
            }
            if (dtype().bytes() < Float.BYTES && !isFused(k, v)) {
                return wantsGradients(k, v) ? recordedAttention(k, v, scale)
                        : TiledAttention.isOneTile(this, k) ? attentionInBlocks(k, v, scale)
                        : Scope.run(() -> TiledAttention.of(this, k, v, scale));
            }
        }
        var divided = handle.is_cpu() && dtype() == DType.FLOAT32 && Torch.threads() > 1;
        return !divided ? fusedAttention(k, v, mask, scale)
                : OpenBlas.onOneThread(() -> wantsGradients(k, v) ? watchedAttention(k, v, mask, scale) : fusedAttention(k, v, mask, scale));
    }

    private Tensor watchedAttention(Tensor k, Tensor v, @Nullable Tensor mask, double scale) {
        return Scope.run(() -> {
            var q = own(handle.alias());
            var keys = own(k.handle.alias());
            var values = own(v.handle.alias());
            var result = q.fusedAttention(keys, values, mask, scale);
            if (result.requiresGradient()) {
                AttentionBackward.watch(result.handle, List.of(q.handle, keys.handle, values.handle));
            }
            return result;
        });
    }

    private Tensor fusedAttention(Tensor k, Tensor v, @Nullable Tensor mask, double scale) {
        try (var m = optional(mask); var s = new DoubleOptional(scale)) {
            return own(torch.scaled_dot_product_attention(handle, k.handle, v.handle, m, 0.0, false, s, false));
        }
    }

    /// How many scores [#attention] of half precision keeps for its gradients on a CPU. With more it works in float32, whose fused
    /// kernel computes them again: memory is linear in tokens then.
    public static final long SCORES_KEPT = 1L << 28; // where that is faster as well, see docs/performance.md

    private Tensor recordedAttention(Tensor k, Tensor v, double scale) {
        return size(0) * size(1) * size(2) * k.size(2) <= SCORES_KEPT ? attentionInBlocks(k, v, scale)
                : Torch.inOwnPrecision(device(), () -> Scope.run(
                        () -> to(DType.FLOAT32).attention(k.to(DType.FLOAT32), v.to(DType.FLOAT32), null, scale).to(dtype())));
    }

    private boolean wantsGradients(Tensor k, Tensor v) {
        return requiresGradient() || k.requiresGradient() || v.requiresGradient();
    }

    private static final long FUSED_FROM = 512; // shorter sequences are not packed for the units, see docs/performance.md
    private static final long QUERIES_AT_ONCE = 256;
    private static final long SCORES_AT_ONCE = 1L << 25;

    // Whether libtorch's fused kernel for half precision runs on units for matrices. Where it does not, and in its backward
    // pass, it is a scalar loop, some twenty times slower than two matrix products with a softmax between them.
    private boolean isFused(Tensor k, Tensor v) {
        return dtype() == DType.BFLOAT16 && MatrixUnits.takeBfloat16() && size(2) >= FUSED_FROM && k.size(2) >= FUSED_FROM
                && !wantsGradients(k, v);
    }

    // Blocks of queries bound the scores held at once, so that memory is linear in tokens. The softmax of a half precision
    // tensor computes in float32 inside; heads that lie apart in memory are brought together once, not for each block.
    private Tensor attentionInBlocks(Tensor k, Tensor v, double scale) {
        var keys = k.contiguous().transpose(-2, -1);
        var values = v.contiguous();
        var rows = Math.clamp(SCORES_AT_ONCE / Math.max(1, size(0) * size(1) * k.size(2)), 1, QUERIES_AT_ONCE);
        var parts = new ArrayList<Tensor>();
        for (var start = 0L; start < size(2); start += rows) {
            var q = narrow(2, start, Math.min(rows, size(2) - start));
            parts.add(Scope.run(() -> q.times(scale).contiguous().matmul(keys).softmax(-1).matmul(values)));
        }
        return parts.size() == 1 ? parts.getFirst() : cat(parts, 2);
    }

    public Tensor conv1d(Tensor weight, @Nullable Tensor bias, int stride, int padding) {
        try (var b = optional(bias)) {
            return own(torch.conv1d(handle, weight.handle, b, new long[] {stride}, new long[] {padding}, new long[] {1}, 1));
        }
    }

    /// Convolves [B, C, H, W].
    public Tensor conv2d(Tensor weight, @Nullable Tensor bias, int stride, int padding) {
        if (padding == 0 && stride > 1 && weight.size(2) == stride && weight.size(3) == stride) {
            var kernel = weight.unsqueeze(2);
            return Scope.run(() -> unsqueeze(2).convPatches(kernel, bias).squeeze(2));
        }
        if (padding == 0 && stride > 1 && weight.size(2) == 1 && weight.size(3) == 1) {
            // The places between are not looked at. oneDNN, told so by the stride, writes where it must not in half precision.
            return Scope.run(() -> slice(2, 0, size(2), stride).slice(3, 0, size(3), stride).conv2d(weight, bias, 1, 0));
        }
        if (needsEvenChannels(weight)) {
            return Scope.run(() -> conv2d(even(weight), bias == null ? null : even(bias), stride, padding).narrow(1, 0, weight.size(0)));
        }
        try (var b = optional(bias); var x = inConvolutionOrder(torch.MemoryFormat.ChannelsLast)) {
            return convolved(torch.conv2d(x, weight.handle, b, new long[] {stride, stride}, new long[] {padding, padding}, new long[] {1, 1}, 1));
        }
    }

    private static final long[] NO_DILATION = {1, 1, 1};

    /// Convolves [B, C, F, H, W]; strides and paddings are (time, height, width).
    public Tensor conv3d(Tensor weight, @Nullable Tensor bias, long[] stride, long[] padding) {
        var kernel = Arrays.copyOfRange(weight.shape(), 2, 5);
        if (Arrays.equals(stride, kernel) && Arrays.stream(padding).allMatch(p -> p == 0) && weight.count() > weight.size(0) * weight.size(1)) {
            return Scope.run(() -> convPatches(weight, bias));
        }
        if (needsEvenChannels(weight)) {
            return Scope.run(() -> conv3d(even(weight), bias == null ? null : even(bias), stride, padding).narrow(1, 0, weight.size(0)));
        }
        try (var b = optional(bias); var x = inConvolutionOrder(torch.MemoryFormat.ChannelsLast3d)) {
            return convolved(asksForOneDnn() ? torch.mkldnn_convolution(x, weight.handle, b, padding, stride, NO_DILATION, 1)
                    : torch.conv3d(x, weight.handle, b, stride, padding, NO_DILATION, 1));
        }
    }

    // On its way back to x, oneDNN takes results in half precision by pairs of channels. Beside the last of an odd number it reads
    // what lies behind it, and where that is not a number, times nothing is not one either.
    private boolean needsEvenChannels(Tensor weight) {
        return weight.size(0) % 2 == 1 && handle.is_cpu() && requiresGradient()
                && (dtype().bytes() < Float.BYTES || Torch.isMixedPrecision(Device.CPU));
    }

    private static Tensor even(Tensor x) {
        return cat(List.of(x, x.narrow(0, 0, 1).times(0)), 0);
    }

    // oneDNN, which convolves on a CPU, reads and writes the channels of a place side by side. It also reads the strides of axes
    // of size 1, along which nothing is ever reached, and where one of these is not what it would be for a larger size, it reads
    // beyond the end of what it is given.
    private org.bytedeco.pytorch.Tensor inConvolutionOrder(torch.MemoryFormat format) {
        if (!handle.is_cpu()) {
            return handle.contiguous();
        }
        var x = handle.contiguous(format);
        var shape = shape();
        var strides = new long[shape.length];
        strides[1] = 1;
        var next = shape[1];
        for (var axis = shape.length - 1; axis > 1; axis--) {
            strides[axis] = next;
            next *= shape[axis];
        }
        strides[0] = next;
        if (IntStream.range(0, shape.length).allMatch(axis -> x.stride(axis) == strides[axis])) {
            return x;
        }
        try (x) {
            return x.as_strided(shape, strides);
        }
    }

    // The gradient of the result is given to oneDNN as well. The way back through a view by strides ends at those of the result.
    private static Tensor convolved(org.bytedeco.pytorch.Tensor result) {
        var y = own(result);
        return y.handle.is_cpu() && y.requiresGradient() && LongStream.of(y.shape()).anyMatch(size -> size == 1)
                ? own(y.handle.as_strided(y.shape(), IntStream.range(0, y.rank()).mapToLong(y.handle::stride).toArray()))
                : y;
    }

    // In float32 libtorch leaves one small clip to a kernel of its own instead, which takes ten times as long.
    private boolean asksForOneDnn() {
        return handle.is_cpu() && dtype() == DType.FLOAT32 && torch.hasMKLDNN() && !Torch.isMixedPrecision(Device.CPU);
    }

    // A kernel as large as its stride is a matrix product of patches. libtorch's own kernel for it is slower, and in
    // bfloat16 it returns wrong numbers for some sizes (4 x 4 over 16 channels, 14 x 14 over 3).
    private Tensor convPatches(Tensor weight, @Nullable Tensor bias) {
        var kernel = weight.shape();
        long f = size(2) / kernel[2], h = size(3) / kernel[3], w = size(4) / kernel[4];
        var patches = narrow(2, 0, f * kernel[2]).narrow(3, 0, h * kernel[3]).narrow(4, 0, w * kernel[4])
                .reshape(size(0), size(1), f, kernel[2], h, kernel[3], w, kernel[4]).permute(0, 2, 4, 6, 1, 3, 5, 7)
                .reshape(size(0), f, h, w, weight.count() / kernel[0]);
        return patches.linear(weight.reshape(kernel[0], weight.count() / kernel[0]), bias).permute(0, 4, 1, 2, 3);
    }

    static TensorOptional optional(@Nullable Tensor tensor) {
        return tensor == null ? new TensorOptional() : new TensorOptional(tensor.handle);
    }

    /// Turns adjacent numbers of the last axis as points of a plane, (a, b) -> (a cos - b sin, a sin + b cos): a product of
    /// complex numbers, in one pass over memory.
    ///
    /// @param cos float32, broadcast against [..., D / 2]
    /// @param sin like cos
    /// @return shaped like this, which is float32 [..., D]
    public Tensor turnPairs(Tensor cos, Tensor sin) {
        var shape = shape();
        var pairs = Arrays.copyOf(shape, shape.length + 1);
        pairs[shape.length - 1] = shape[shape.length - 1] / 2;
        pairs[shape.length] = 2;
        try (var view = handle.reshape(pairs);
                var points = torch.view_as_complex(view);
                var turns = torch.view_as_complex(stack(List.of(cos, sin), -1).handle);
                var turned = points.mul(turns);
                var real = torch.view_as_real(turned)) {
            return own(real.reshape(shape));
        }
    }

    // ---------------------------------------------------------------- norms and resampling

    /// Normalises the last axis without a scale or shift.
    public Tensor layerNorm(double epsilon) {
        return layerNorm(null, null, epsilon);
    }

    /// Normalises the last axis, then scales and shifts.
    public Tensor layerNorm(@Nullable Tensor weight, @Nullable Tensor bias, double epsilon) {
        try (var w = optional(weight); var b = optional(bias)) {
            return own(torch.layer_norm(handle, new long[] {size(-1)}, w, b, epsilon, false));
        }
    }

    /// Normalises groups of channels of [B, C, ...] over all further axes.
    public Tensor groupNorm(int groups, @Nullable Tensor weight, @Nullable Tensor bias, double epsilon) {
        try (var w = optional(weight); var b = optional(bias)) {
            return own(torch.group_norm(handle, groups, w, b, epsilon, false));
        }
    }

    /// Repeats pixels: [B, C, F, H, W] to the given (F, H, W) by nearest neighbour.
    public Tensor nearest3d(long frames, long height, long width) {
        return own(torch.upsample_nearest3d(handle, new long[] {frames, height, width}));
    }

    /// Repeats pixels: [B, C, H, W] to the given (H, W) by nearest neighbour.
    public Tensor nearest2d(long height, long width) {
        return own(torch.upsample_nearest2d(handle, new long[] {height, width}));
    }

    /// Interpolates [B, C, H, W] bilinearly; pixel centres, not corners, are aligned.
    public Tensor bilinear2d(long height, long width) {
        return own(torch.upsample_bilinear2d(handle, new long[] {height, width}, false));
    }

    /// Averages windows of [B, C, F, H, W]; the windows do not overlap. On a CPU libtorch has no such function for numbers of half
    /// length, whose means are taken in float32.
    public Tensor averagePool3d(long frames, long height, long width) {
        var half = dtype() == DType.BFLOAT16 || dtype() == DType.FLOAT16;
        if (half && device().kind() == Device.Kind.CPU) {
            return Scope.run(() -> to(DType.FLOAT32).averagePool3d(frames, height, width).to(dtype()));
        }
        return own(torch.avg_pool3d(handle, frames, height, width));
    }

    // ---------------------------------------------------------------- changing in place

    /// this += other * scale.
    public Tensor addInPlace(Tensor other, double scale) {
        try (var s = new Scalar(scale)) {
            handle.add_(other.handle, s);
        }
        return this;
    }

    /// What [#silu()] makes of a tensor that nobody reads any more.
    public Tensor siluInPlace() {
        torch.silu_(handle);
        return this;
    }

    /// What [#geluTanh()] makes of a tensor that nobody reads any more.
    public Tensor geluTanhInPlace() {
        torch.gelu_(handle, "tanh");
        return this;
    }

    public Tensor timesInPlace(double value) {
        try (var s = new Scalar(value)) {
            handle.mul_(s);
        }
        return this;
    }

    /// this += a * b * scale.
    public Tensor addProductInPlace(Tensor a, Tensor b, double scale) {
        try (var s = new Scalar(scale)) {
            handle.addcmul_(a.handle, b.handle, s);
        }
        return this;
    }

    /// this += a / b * scale.
    public Tensor addQuotientInPlace(Tensor a, Tensor b, double scale) {
        try (var s = new Scalar(scale)) {
            handle.addcdiv_(a.handle, b.handle, s);
        }
        return this;
    }

    /// this += (end - this) * weight.
    public Tensor lerpInPlace(Tensor end, double weight) {
        try (var s = new Scalar(weight)) {
            handle.lerp_(end.handle, s);
        }
        return this;
    }

    /// Copies the elements of another tensor into this one's memory, converting type and place.
    public Tensor set(Tensor other) {
        handle.copy_(other.handle);
        return this;
    }

    /// Becomes the product of two matrices.
    Tensor setProduct(Tensor left, Tensor right) {
        torch.mm_out(handle, left.handle, right.handle).close();
        return this;
    }

    public Tensor zeroInPlace() {
        handle.zero_();
        return this;
    }

    // ---------------------------------------------------------------- gradients

    /// Marks this tensor as a parameter: later results record how to differentiate with respect to it.
    public Tensor requireGradient(boolean on) {
        handle.set_requires_grad(on);
        return this;
    }

    public boolean requiresGradient() {
        return handle.requires_grad();
    }

    /// The same numbers, cut from the recorded history.
    public Tensor detach() {
        return own(handle.detach());
    }

    /// Accumulates the gradient of this scalar into every parameter it depends on.
    public void backward() {
        AttentionBackward.during(() -> {
            handle.backward();
            return this;
        });
    }

    /// Accumulates gradients given the gradient with respect to this tensor.
    public void backward(Tensor gradient) {
        try (var outputs = vector(List.of(this));
                var gradients = vector(List.of(gradient));
                var none = new BoolOptional();
                var all = new TensorVector()) {
            AttentionBackward.during(() -> {
                torch.backward(outputs, gradients, none, false, all);
                return this;
            });
        }
    }

    /// Whether [#backward()] reached this tensor.
    public boolean hasGradient() {
        try (var gradient = handle.grad()) {
            return gradient.defined();
        }
    }

    /// The accumulated gradient.
    ///
    /// @throws IllegalStateException if there is none yet
    public Tensor gradient() {
        var gradient = handle.grad();
        if (!gradient.defined()) {
            throw new IllegalStateException("no gradient reached " + this);
        }
        return own(gradient);
    }

    /// Forgets the accumulated gradient and frees its memory.
    public void clearGradient() {
        try (var none = new org.bytedeco.pytorch.Tensor()) {
            handle.mutable_grad().put(none);
        }
    }

    /// The gradients of a scalar with respect to some of its inputs, without touching accumulated ones; zeros for an input
    /// that it does not depend on. Several threads may differentiate over the same inputs at once.
    public static List<Tensor> gradients(Tensor loss, List<Tensor> inputs) {
        return gradients(List.of(loss), List.of(), inputs, false);
    }

    /// The gradients of several results with respect to some of their inputs, given the gradients of something that follows
    /// with respect to the results; zeros for an input that they do not depend on.
    ///
    /// @param upstream one for each result; none at all if these are scalars that nothing follows
    /// @param keep     whether what was recorded stays, so that it may be differentiated again; otherwise it is freed on the way
    public static List<Tensor> gradients(List<Tensor> results, List<Tensor> upstream, List<Tensor> inputs, boolean keep) {
        try (var outputs = vector(results);
                var given = vector(upstream);
                var wanted = vector(inputs);
                var kept = new BoolOptional(keep);
                var found = AttentionBackward.during(() -> torch.grad(outputs, wanted, given, kept, false, true))) {
            var gradients = new ArrayList<Tensor>(inputs.size());
            for (var i = 0; i < inputs.size(); i++) {
                // Elements of a vector die with it; the copy shares the storage and owns itself.
                var gradient = new org.bytedeco.pytorch.Tensor(found.get(i));
                gradients.add(own(gradient.defined() ? gradient : torch.zeros_like(inputs.get(i).handle)));
            }
            return gradients;
        }
    }

    /// Two tensors are equal if they are the same object.
    @Override
    public boolean equals(@Nullable Object other) {
        return this == other;
    }

    @Override
    public int hashCode() {
        return System.identityHashCode(this);
    }
}
