"""What answers others over HTTP: the emulator of screenshot capture, and the receiver of notification callbacks."""
