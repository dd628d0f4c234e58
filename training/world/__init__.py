"""The rendered world: people, their faces, light, cameras; pictures of them with the truth beside."""
