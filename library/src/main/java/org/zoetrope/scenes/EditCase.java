package org.zoetrope.scenes;

/// A question for an editor whose answer is known: the edited scene is the same call with another colour, shape or
/// background.
///
/// @param source what is given
/// @param from   the words that describe it
/// @param target what should come back
/// @param to     the words that ask for it
public record EditCase(EditKind kind, Scene source, Caption from, Scene target, Caption to) {}
