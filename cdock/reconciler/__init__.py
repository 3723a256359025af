"""The loop: observe, plan, perform; then forget and look again."""
