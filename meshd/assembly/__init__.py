"""One open assembly: keys, log and standing together; what it holds, and whom it lets in."""
