"""Days on which plans of the calendar look for members, and whom they find."""
