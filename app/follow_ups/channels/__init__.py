"""Steps that a person confirms in WeCom: group sends and moments, from ordering them to what came of each member."""
