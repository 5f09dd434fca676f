//! Replies ⇄ patches ⇄ text in memory: read the reply, locate its edits, guard, render. Touches no file.
