"""Quote, sale, undo, refund, adjustment: what a purchase earns and costs."""
