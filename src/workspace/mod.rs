//! The user's tree and its scratch copies: snapshot, apply, restore, journal. The only writer into a tree under repair.
