package org.zoetrope.tensor;

import java.util.List;

/// A value made of tensors that travels through scopes, such as the state of a sampler.
@FunctionalInterface
public interface Tensors {
    /// Every tensor that must stay alive while this value is used.
    List<Tensor> tensors();
}
