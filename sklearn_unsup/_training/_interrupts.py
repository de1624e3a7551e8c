"""Ctrl-C at a moment when nothing is lost by it."""

import signal
import threading

_OPEN, _TRAINING, _RAISED, _CLOSED = "open", "training", "raised", "closed"


class Interrupts:
    """Say when Ctrl-C may stop a `fit`, while the context lasts.

    Python raises KeyboardInterrupt wherever it happens to be: half-way through a step, while what
    was learnt is put away, or in a `finally`, and all of it is lost. Here it is raised at once as
    long as nothing was learnt (`open`), between two batches of the training (a second one at once:
    a batch may be long), and after the context once the training is over. When one has been raised,
    others wait until it has been dealt with.

    Only in the main thread, where Python handles signals, and only if a handler is set. A handler
    of the user's is called at the same moments.
    """

    _state, _pending, _handler = _CLOSED, None, None

    def __enter__(self):
        """Take the place of the handler of SIGINT; until `open`, Ctrl-C waits."""
        if threading.current_thread() is threading.main_thread():
            handler = signal.getsignal(signal.SIGINT)
            if callable(handler):
                self._handler = handler
                signal.signal(signal.SIGINT, self._receive)
        return self

    def __exit__(self, kind, error, traceback):
        """Put the handler back, and hand it what has come since the training was over."""
        self._state = _CLOSED
        if self._handler is None:
            return
        if signal.getsignal(signal.SIGINT) == self._receive:  # nobody has set another meanwhile
            signal.signal(signal.SIGINT, self._handler)
        if self._pending is not None and not (kind and issubclass(kind, KeyboardInterrupt)):
            self._handler(*self._pending)

    def open(self):
        """Let Ctrl-C act at once."""
        self._state = _OPEN
        self._hand_over()

    def start_training(self):
        """Let Ctrl-C wait for the next `poll`."""
        self._state = _TRAINING

    def poll(self):
        """Raise the KeyboardInterrupt that has come since the training was started, if one has."""
        if self._state is _RAISED:  # and something has swallowed it
            self._state = _TRAINING
        if self._state is _TRAINING:
            self._hand_over()

    def close(self):
        """Let Ctrl-C wait for the end of the context."""
        self._state = _CLOSED

    def _hand_over(self):
        if self._pending is None:
            return
        pending, self._pending = self._pending, None
        state, self._state = self._state, _RAISED  # what follows is not to be interrupted again
        self._handler(*pending)
        self._state = state  # a handler of the user's need not raise

    def _receive(self, number, frame):
        is_second = self._state is _TRAINING and self._pending is not None
        self._pending = number, frame
        if is_second or self._state is _OPEN:
            self._hand_over()
