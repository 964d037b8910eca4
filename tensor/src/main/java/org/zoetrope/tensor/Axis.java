package org.zoetrope.tensor;

/// A named size in a [Tensor#rearrange(String, Axis...)] pattern.
public record Axis(String name, long size) {
    public static Axis axis(String name, long size) {
        return new Axis(name, size);
    }
}
