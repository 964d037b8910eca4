package org.zoetrope.scenes;

/// A sentence and what it says, in terms a judge can check.
public record Caption(String text, Promise promise) {}
