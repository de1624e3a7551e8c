"""Ctrl-C at a moment when nothing is lost by it."""

import signal
import threading

_FREE, _TRAINING, _CLOSED = "free", "training", "closed"


class Interrupts:
    """Say when Ctrl-C may stop a `fit`, while the context lasts.

    Python raises KeyboardInterrupt wherever it happens to be: half-way through a step, or while
    what was learnt is put away, and all of it is lost. Here it is raised at once as long as nothing
    was learnt, between two batches of the training (a second one at once: a batch may be long), and
    after the context once the training is over.

    Only in the main thread, where Python handles signals, and only if a handler is set.
    """

    def __enter__(self):
        """Take the place of the handler of SIGINT."""
        self._state, self._pending, self._handler = _FREE, None, None
        if threading.current_thread() is threading.main_thread():
            handler = signal.getsignal(signal.SIGINT)
            if callable(handler):
                self._handler = handler
                signal.signal(signal.SIGINT, self._receive)
        return self

    def __exit__(self, kind, error, traceback):
        """Put the handler back, and hand it what has come since the training was over."""
        self._state = _CLOSED
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
            if self._pending is not None and kind is None:
                self._handler(*self._pending)

    def start_training(self):
        """Let Ctrl-C wait for the next `poll`."""
        self._state = _TRAINING

    def poll(self):
        """Raise the KeyboardInterrupt that has come since the training was started, if one has."""
        if self._pending is not None and self._state is _TRAINING:
            self._raise()

    def close(self):
        """Let Ctrl-C wait for the end of the context."""
        self._state = _CLOSED

    def _raise(self):
        pending, self._pending = self._pending, None
        self._state = _CLOSED  # first of all: what follows is not to be interrupted again
        self._handler(*pending)

    def _receive(self, number, frame):
        if self._state is _FREE:
            self._handler(number, frame)
        elif self._state is _TRAINING and self._pending is not None:
            self._raise()
        else:
            self._pending = number, frame
