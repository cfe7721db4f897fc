"""Associates (导购), store managers (店长) and headquarters people, as WeCom members of the corp."""
