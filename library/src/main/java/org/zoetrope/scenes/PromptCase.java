package org.zoetrope.scenes;

/// A question for a model: a caption, and one scene that would answer it.
public record PromptCase(Split split, Caption caption, Scene scene) {}
