package org.zoetrope.scenes;

/// Which combinations of colour, shape and motion a scene draws from: those training shows, or those it never does.
public enum Split {
    TRAIN,
    HELD_OUT
}
